"""Words that say nothing about what is asked: grammar, greetings, and the words with which anything is asked.

They also tell languages of one script apart. Kept short on purpose: a word that may be the whole point of a question
("when", "how much", "not") still counts for less by its frequency.
"""

from core.text import folded

_EN = """
a about actually afternoon again all already also am an and any anybody anyone anything anyway are aren't as ask
asking at be because been before being both but by can can't cannot could couldn't dear did didn't do does doesn't
doing don't each else even evening ever every for from get getting give go going good got guys had has hasn't have
haven't having hello help her here hey hi him his how however i i'd i'll i'm i've if in into is isn't it it's its just
kindly know let let's like ll look make many may maybe me might mine more morning most much must my myself need needed
no not now of off ok okay on once one only or other our out over own please possible question quick really regards
right said say see seem seems shall she should so some somebody someone something still such sure take tell than thank
thanks that that's the their them then there there's these they thing things think this those though through to too
try trying under until up upon us use using usually very via want wanted wants was we we'd we'll we're we've well were
what what's when where where's which while who whom whose why will wish with within without won't wonder wondering
would wouldn't yes yet you you'd you'll you're you've your yours yourself
"""
_RU = """
а без более больше будем будет будете будто будут бы был была были было быть в вам вами вас ваш ваша ваше вашего вашей
вашем ваши вашим ваших вашу вдруг ведь весь вечер вечера вместо во вообще вопрос вопросик вот впрочем все всегда всего
всем всех всю вся вы где да давайте даже девушка делать день для дня до доброго добрый его ее ей ему если есть еще ж
же за зачем здесь здравствуйте здрасте знать знаю и из или им имеется именно иметь интересно интересует их к каждый
как какая какие каким каких какого какое какой какую ко когда кого кому которая которое которую которые который кстати
кто куда ли либо лучше между меня мне много мной мною мог мог-ли могла могу могут мое моего моей можем может можете
можно мои моим моих мой мою моя мы на над надо назад нам нами нас наш наша наше нашего нашей наши нашим нашими не него
нее ней нельзя нем нет ни нибудь никак них ничего но ну нужен нужна нужно нужны о об объясните один одна однако одно
он она они оно опять от ответьте отсюда очень пару плиз по под подскажи подскажите пожалуй пожалуйста получается
получится понимаю понять почему поэтому при привет приветик приветствую про просто прошу раз разве ребята с сам сама
сами само свое своего своей свои своих свой свою своя сделать себе себя сегодня сейчас сейчас-то скажи скажите сколько
со собой спасибо спасибочки спс так такая также такие такое такой там тем теперь то тобой тогда того тоже той только
том тот тут ты у уважаемые уж уже узнать утра утро хорошо хотел хотела хотелось хотим хоть хочется хочу чего чей чем
через что чтоб чтобы чье чья эта эти этим этих это этого этой этом этому этот эту я
"""
_FA = """
ا ات از است اش اصلا اقا البته ام اما ان اند انها او اون اونا اگر ای ایا اید ایم این اینجا اینکه با بار باشد باشم
باشند باشه باشید باید بخوام بخیر بدانم بدانید بدون بدونم بر براي برای برایم بفرمائید بفرمایید بلکه به بهم بود بودم
بودن بگویید بگید بی بین تا تان تر ترین تو توان توانم توانید توسط تون تونم تونید توی جا جناب جوری حال حالا حتی خانم خب
خواستم خوام خواهش خواهم خوب خوبی خوبید خود خودتان خودتون خودم خیلی دارد دارم دارن دارند داره دارید داریم داشت داشتم
داشتن داشته در درباره درمورد دو دوستان دیگر دیگه را راجع رو روز روی زیر سؤال سلام سوال شان شب شد شدم شدن شده شما شماها
شه شود شوم شون شوید صبح طبق ظهر عزیز عزیزم عصر علیک فقط قبل لطف لطفا لطفاً ما مان متشکرم مرسی ممنون ممکن ممکنه من مورد
می میتوانم میتوانید میتونم میتونید میتونین میخواستم میخوام میخواهم میخواهیم میخوایم میدهید میدین میشه میشود میکند
میکنم میکنن میکنه میکنید میکنیم میکنین نمی نمیتوانم نمیتونم نمیشه نمیشود ها های هایت هایتان هایش هایشان هایم هایمان
هایی هر هست هستم هستن هستند هستید هستیم هم همان همه همین هنوز هیچ و وقت وقتتان وقتتون وقتی ولی وی پس پیش چرا چطور
چطوری چند چندتا چه چون چگونه چی چیز چیزی چیست چیه کجا کجاست کدام کدوم کرد کردم کردن کرده کن کند کنم کنند کنه کنید کنیم
که کی گرامی گفت گفته ی یا یعنی یه یک یکی
"""


_ASKING = {
    "en": {"?when": "when soon until", "?where": "where where's", "?how-much": "much many", "?who": "who whom"},
    "ru": {"?when": "когда скоро", "?where": "где", "?whither": "куда", "?how-much": "сколько", "?who": "кто"},
    "fa": {"?when": "کی", "?where": "کجا کجاست کجان", "?how-much": "چقدر چقدره چند چنده", "?who": "کیه کیست"},
}


def listed(listing: str) -> frozenset[str]:
    """The words of ``listing``, folded."""
    return frozenset(folded(word) for word in listing.split())


STOPWORDS = {"en": listed(_EN), "ru": listed(_RU), "fa": listed(_FA)}
"""By language, folded."""
ASKING = {
    language: {folded(word): what for what, listing in by_what.items() for word in listing.split()}
    for language, by_what in _ASKING.items()
}
"""By language, words that ask for a time, a place, a number, a person, and which of them; each stands for its kind."""
