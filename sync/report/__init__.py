"""What an auditor is handed, and what people read of the ledger on a working day."""
