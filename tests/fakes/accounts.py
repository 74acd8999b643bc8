from datetime import timedelta

from firstparty.certs.account import Account


class AccountsInMemory:
    """An AccountKeeper that remembers in what order things were done."""

    def __init__(self) -> None:
        self.account: Account | None = None
        self.done: list[str] = []

    def load(self) -> Account | None:
        return self.account

    def add(self, key_pem: bytes) -> Account:
        self.done.append("key stored")
        self.account = self.account or Account(key_pem=key_pem)
        return self.account

    def wait(self) -> timedelta:
        return timedelta()

    def save_url(self, url: str) -> None:
        assert self.account is not None
        self.done.append("url stored" if url else "url forgotten")
        self.account = Account(key_pem=self.account.key_pem, url=url)
