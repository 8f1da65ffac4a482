"""A small shop of three services that log, talk and fail like large ones.

web passes requests to api, api asks storage, storage keeps orders in SQLite and invoices in a spool. Four faults are
built in; each shows itself to the customer as a status or a price, and names its cause only in the log of the host
where it arose. Each service is started as ``python -m FailTaleLibrary.demo.shop.<name>`` and lives on a lifeline.
"""
