"""The words that mail programs write around what they quote, by language: data for :mod:`channels.email.quoting`.

Gathered from what Gmail, Outlook, Apple Mail, Thunderbird, Yandex, Mail.ru, Yahoo and phones write. Lower-case.
"""

WROTE = (
    "wrote", "writes",  # en
    "писал", "писала", "писали", "писал(а)", "пишет", "написал", "написала", "написали", "написал(а)",  # ru
    "пише", "писав", "написав", "написала", "написав(ла)", "написано",  # uk
    "піша", "напісаў", "напісала", "напісаў(-ла)",  # be
    "نوشت", "نوشته است", "نوشته", "می‌نویسد", "نوشته‌است",  # fa
    "كتب", "كتبت", "کتب", "كتب/كتبت", "تمت كتابة ما يلي بواسطة",  # ar
    "schrieb", "schreibt", "hat geschrieben",  # de
    "a écrit", "écrit", "a ecrit",  # fr
    "escribió", "escribio", "ha escrito",  # es
    "escreveu",  # pt
    "ha scritto", "scrive", "scrisse",  # it
    "şunu yazdı", "şunları yazdı", "yazdı", "tarihinde yazdı",  # tr
    "napisał", "napisała", "napisał(a)", "pisze",  # pl
    "schreef", "heeft geschreven", "het volgende geschreven",  # nl
    "写道", "寫道", "写信给", "撰写",  # zh
    "書きました", "のメール",  # ja
    "님이 작성", "작성",  # ko
    "napsal", "napsala", "napsal(a)",  # cs
    "napísal", "napísala", "napísal(a)",  # sk
    "skrev", "har skrivit",  # sv, da, no
    "kirjoitti",  # fi
    "ezt írta", "írta",  # hu
    "a scris",  # ro
    "написа", "писа",  # bg
    "је написао", "napisao", "napisao je", "је писао",  # sr, hr
    "έγραψε",  # el
    "đã viết",  # vi
    "menulis",  # id
    "כתב", "כתבה", "מאת",  # he
    "va escriure", "escriví",  # ca
    "rašė", "rakstīja", "kirjutas",  # lt, lv, et
    "жазды", "жазған", "yozdi", "yazıb",  # kk, uz, az
    "დაწერა", "գրել է",  # ka, hy
)  # fmt: skip
"""What stands in ``On … NAME wrote:``, before the name or after it."""

OPENINGS = (
    "on", "le", "am", "el", "il", "em", "op", "w dniu", "dnia", "в", "от", "на", "در", "في", "بتاريخ", "den",
    "dne", "vào", "pada", "στις", "at", "il giorno", "no dia", "dia", "om", "a(z)", "на дату", "kl", "在", "於",
    "ב", "בתאריך",
)  # fmt: skip
"""How such a line may begin; only asked where a program broke it over two lines."""

FROM = (
    "from", "от", "від", "ад", "отправитель", "відправник", "از", "فرستنده", "من", "المرسل", "von", "de", "da",
    "van", "od", "od kogo", "kimden", "gönderen", "发件人", "寄件者", "寄件人", "差出人", "送信者", "보낸 사람",
    "보낸사람", "från", "fra", "lähettäjä", "feladó", "de la", "expéditeur", "remitente", "mittente",
    "remetente", "afzender", "absender", "nadawca", "από", "từ", "dari", "מאת", "кімнен", "kimdən",
)  # fmt: skip
"""The first line of a block of headers over what Outlook and others quote."""

SUBJECT = (
    "subject", "тема", "тема письма", "موضوع", "الموضوع", "betreff", "objet", "sujet", "asunto", "assunto",
    "oggetto", "onderwerp", "temat", "konu", "主题", "主旨", "主題", "標題", "件名", "제목", "ämne", "emne",
    "aihe", "předmět", "predmet", "tárgy", "subiect", "относно", "θέμα", "chủ đề", "perihal", "subjek", "נושא",
    "тақырып", "mövzu",
)  # fmt: skip

OTHERS = (
    "sent", "date", "to", "cc", "reply-to", "importance", "отправлено", "дата", "кому", "копия", "надіслано",
    "копія", "когда", "время", "ارسال شده", "تاریخ", "تاريخ", "به", "گیرنده", "رونوشت", "تم الإرسال", "أرسلت",
    "التاريخ", "إلى", "نسخة", "gesendet", "datum", "an", "envoyé", "envoye", "à", "a", "enviado", "enviado el",
    "enviado em", "enviada em", "enviada", "fecha", "data", "para", "cópia", "inviato", "verzonden", "aan",
    "wysłano", "data wysłania", "do", "dw", "gönderildi", "gönderme tarihi", "tarih", "kime", "bilgi",
    "发送时间", "日期", "收件人", "抄送", "寄件日期", "收件者", "副本", "送信日時", "日時", "日付", "宛先",
    "보낸 날짜", "날짜", "받는 사람", "받는사람", "참조", "skickat", "till", "kopia", "sendt", "til",
    "lähetetty", "vastaanottaja", "odesláno", "odoslané", "komu", "kopie", "küldve", "címzett", "trimis",
    "către", "изпратено", "до", "στάλθηκε", "προς", "ημερομηνία", "đã gửi", "đến", "ngày", "kepada", "tanggal",
    "נשלח", "אל", "תאריך", "кімге", "kimə", "göndərildi", "répondre à", "antwort an",
)  # fmt: skip
"""The other lines of that block: date, recipients."""

ORIGINAL = (
    "original message", "original", "forwarded message", "forwarded", "reply message", "original appointment",
    "begin forwarded message", "исходное сообщение", "пересылаемое сообщение", "пересылаемое письмо",
    "пересланное сообщение", "начало переадресованного сообщения", "начало пересылаемого сообщения",
    "исходное письмо", "оригинальное сообщение", "вихідне повідомлення", "переслане повідомлення",
    "початкове повідомлення", "оригінальне повідомлення", "پیام اصلی", "پیام ارسال شده", "پیام بازارسال‌شده",
    "پیام هدایت شده", "الرسالة الأصلية", "رسالة أصلية", "رسالة معاد توجيهها", "ursprüngliche nachricht",
    "originalnachricht", "original-nachricht", "weitergeleitete nachricht",
    "anfang der weitergeleiteten nachricht", "message d'origine", "message d’origine", "message original",
    "message transféré", "début du message réexpédié", "mensaje original", "mensaje reenviado",
    "inicio del mensaje reenviado", "messaggio originale", "messaggio inoltrato", "inizio messaggio inoltrato",
    "mensagem original", "mensagem encaminhada", "início da mensagem encaminhada", "oorspronkelijk bericht",
    "origineel bericht", "doorgestuurd bericht", "begin doorgestuurd bericht", "wiadomość oryginalna",
    "oryginalna wiadomość", "wiadomość przekazana", "orijinal mesaj", "özgün ileti", "yönlendirilmiş ileti",
    "iletilen mesaj", "原始邮件", "原始郵件", "转发邮件", "转发的邮件", "轉寄郵件", "元のメッセージ",
    "転送されたメッセージ", "転送メッセージ", "원본 메시지", "원본 메일", "전달된 메시지",
    "ursprungligt meddelande", "ursprungligt mejl", "vidarebefordrat meddelande", "oprindelig meddelelse",
    "opprinnelig melding", "alkuperäinen viesti", "původní zpráva", "původní e-mail", "pôvodná správa",
    "eredeti üzenet", "mesaj original", "оригинално съобщение", "αρχικό μήνυμα", "thư gốc", "pesan asli",
    "הודעה מקורית", "бастапқы хабарлама",
)  # fmt: skip
"""Between dashes, a line of its own."""

DEVICES = (
    "iphone", "ipad", "android", "samsung", "galaxy", "huawei", "xiaomi", "redmi", "pixel", "oneplus", "nokia",
    "oppo", "sony", "lg", "motorola", "blackberry", "windows phone", "mobile", "phone", "smartphone", "handy",
    "телефон", "телефона", "смартфон", "смартфона", "мобильн", "мобільн", "موبایل", "گوشی", "آیفون", "هاتف",
    "outlook", "yahoo", "gmail", "mail.ru", "яндекс", "yandex", "proton", "thunderbird", "spark", "почты",
    "почта", "пошти", "mail", "gmx", "web.de", "k-9", "手机", "携帯", "スマホ", "téléphone", "telefon", "móvil",
    "celular", "telefono", "mobiel",
)  # fmt: skip

SENT_FROM = (
    "sent from", "sent via", "sent with", "get outlook for", "отправлено с", "отправлено из",
    "отправлено через", "послано с", "надіслано з", "надіслано із", "відправлено з", "ارسال شده از",
    "ارسال‌شده از", "فرستاده شده از", "أرسلت من", "تم الإرسال من", "مرسل من", "von meinem", "gesendet von",
    "gesendet mit", "envoyé de", "envoyé depuis", "envoyé à partir", "téléchargez outlook", "enviado desde",
    "enviado do", "enviado de", "enviado a partir", "inviato da", "inviato dal", "verzonden vanaf",
    "verstuurd vanaf", "verstuurd met", "wysłane z", "wysłano z", "发自我的", "從我的", "发送自", "나의",
    "skickat från", "sendt fra", "lähetetty", "odesláno z", "odoslané z", "trimis de pe", "изпратено от",
)  # fmt: skip
"""A phone's signature, together with one of ``DEVICES``."""

FROM_PHONE_SENT = ("gönderildi", "から送信", "에서 보냄", "gesendet", "verzonden", "küldve")
"""Those whose verb stands behind the phone."""
