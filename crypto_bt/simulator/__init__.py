"""A loopback exchange that speaks Binance's USD-M REST, with an invented or a recorded market behind it."""
