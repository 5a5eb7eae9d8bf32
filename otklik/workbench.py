"""What those who write campaigns on the desk work with."""

from desk.campaigns.editing.workbench import Workbench
from otklik.accounts import make_accounts, unserved_countries
from otklik.settings import Configuration
from otklik.wiring import addresses
from otklik.workspace import load_whole


def make_workbench(configuration: Configuration) -> Workbench:
    """The workspace's folder on this machine, read as ``otklik check`` reads it."""
    settings = configuration.settings
    return Workbench(
        folder=settings.workspace.absolute(),
        load=load_whole,
        database_url=settings.database_url,
        addresses=addresses(configuration),
        bot_id=configuration.bot_id,
        unserved=unserved_countries(make_accounts(configuration)),
    )
