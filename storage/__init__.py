"""The one customer store: tables, sessions, migrations, import and export."""
