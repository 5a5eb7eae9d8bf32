"""An SMS gateway with an HTTP interface in the shape of SMSC.ru's: sends, balance, reports, what people write."""
