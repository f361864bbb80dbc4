"""Files that look like secrets: keys, tokens, passwords. Only their names and kinds are told. Runs in the sandbox."""

from __future__ import annotations

import re
from collections.abc import Iterator

_KEY = re.compile(rb"-----BEGIN ((?:[A-Z0-9]{1,12} ){0,3})PRIVATE KEY(?: BLOCK)?-----")
_BODY = re.compile(rb"[A-Za-z0-9+/]{40}")
_BODY_WITHIN = 600
"""Bytes behind the first line of a key in which a line of base64 is expected. Sources of programs have none."""
TOKENS: tuple[tuple[str, tuple[bytes, ...], re.Pattern[bytes]], ...] = (
    ("AWS access key", (b"AKIA", b"ASIA"), re.compile(rb"[A-Z0-9]{16}(?![A-Za-z0-9])")),
    ("GitHub token", (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"), re.compile(rb"[A-Za-z0-9]{36}(?![A-Za-z0-9])")),
    ("GitHub token", (b"github_pat_",), re.compile(rb"[A-Za-z0-9_]{82}(?![A-Za-z0-9])")),
    ("GitLab token", (b"glpat-",), re.compile(rb"[A-Za-z0-9_-]{20}(?![A-Za-z0-9])")),
    ("Slack token", (b"xoxb-", b"xoxp-", b"xoxa-", b"xoxr-", b"xoxs-"), re.compile(rb"[0-9]{6,16}-[A-Za-z0-9-]{10}")),
    ("Google API key", (b"AIza",), re.compile(rb"[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")),
    ("Stripe key", (b"sk_live_", b"rk_live_"), re.compile(rb"[A-Za-z0-9]{20}")),
    ("npm token", (b"npm_",), re.compile(rb"[A-Za-z0-9]{36}(?![A-Za-z0-9])")),
    ("PyPI token", (b"pypi-AgEIcHlwaS5vcmc",), re.compile(rb"[A-Za-z0-9_-]{30}")),
)
"""Tokens that their issuers have given a form that can be recognised: kind, how they begin, and what follows."""
_WORD = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/+-")
"""Bytes that do not stand before a token."""
_PASSWORD = re.compile(
    rb"(?i)(?:password|passwd|secret|token|api_?key)[A-Za-z0-9_]{0,40}[ \t]{0,8}[=:][ \t]{0,8}[^\s#]"
)
NAMES: tuple[tuple[str, re.Pattern[str], re.Pattern[bytes]], ...] = (
    ("npm password", re.compile(r"\.npmrc"), re.compile(rb"(?:_authToken|_password|_auth)[ \t]{0,8}=[ \t]{0,8}[^\s$]")),
    ("netrc password", re.compile(r"[._]netrc"), re.compile(rb"password[ \t]{1,8}[^\s]")),
    ("PyPI password", re.compile(r"\.pypirc"), _PASSWORD),
    ("git credentials", re.compile(r"\.git-credentials"), re.compile(rb"://[^\s:@/]{1,200}:[^\s@/]")),
    ("registry login", re.compile(r"\.dockercfg|(?:config|auth)\.json"), re.compile(rb'"auth"\s{0,8}:\s{0,8}"[^"]')),
    ("AWS credentials", re.compile(r"credentials"), re.compile(rb"aws_secret_access_key[ \t]{0,8}=[ \t]{0,8}[^\s]")),
    ("Kubernetes client", re.compile(r"config|.*kubeconfig"), re.compile(rb"(?:client-key-data|token):[ ]{0,8}[^\s]")),
    ("environment file", re.compile(r"\.env(?:\..*)?"), _PASSWORD),
    ("password hashes", re.compile(r"\.htpasswd"), re.compile(rb":[^\s:]")),
    ("PostgreSQL password", re.compile(r"\.pgpass"), re.compile(rb":[^\s:]")),
    ("MySQL password", re.compile(r"\.my\.cnf"), re.compile(rb"password[ \t]{0,8}=[ \t]{0,8}[^\s]")),
    ("password hashes", re.compile(r"shadow-?"), re.compile(rb":\$[0-9a-z]{1,8}\$")),
    ("key store", re.compile(r".*\.(?:p12|pfx|jks|keystore|kdbx|ppk)"), re.compile(rb"[\s\S]")),
    ("Ansible vault password", re.compile(r"\.?vault_pass(?:word)?(?:\.txt)?"), re.compile(rb"\S")),
)  # fmt: skip
"""Kind, name of the file, and what must be in it."""
_VARIABLE = re.compile(
    r"(?i)(?:^|_)(?:pass(?:word|wd|phrase)?|pwd|token|secret|credentials?|(?:api|access|private|auth)_?key)(?:_|$)"
)
_FILE_VARIABLE = re.compile(r"(?i)_(?:file|path|dir)$")


def find_secrets(data: bytes, name: str) -> Iterator[str]:
    """Yield the kinds of secrets that a file seems to hold. `name` is its last component."""
    if b"PRIVATE KEY" in data:
        yield from _private_key(data)
    for kind, starts, rest in TOKENS:
        if any(start in data and _has_token(data, start, rest) for start in starts):
            yield kind
    for kind, known, content in NAMES:
        if known.fullmatch(name) and content.search(data):
            yield kind


def _has_token(data: bytes, start: bytes, rest: re.Pattern[bytes]) -> bool:
    at = data.find(start)
    while at >= 0:
        if (at == 0 or data[at - 1] not in _WORD) and rest.match(data, at + len(start)):
            return True
        at = data.find(start, at + 1)
    return False


def _private_key(data: bytes) -> Iterator[str]:
    for match in _KEY.finditer(data):
        body = data[match.end() : match.end() + _BODY_WITHIN]
        if _BODY.search(body):
            is_encrypted = b"ENCRYPTED" in match[1] or b",ENCRYPTED" in body
            yield "private key, encrypted" if is_encrypted else "private key"
            return


def secret_variables(environment: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of variables of the image's configuration that have a value and the name of a secret."""
    pairs = (one.partition("=") for one in environment)
    return tuple(
        name for name, _, value in pairs if value and _VARIABLE.search(name) and not _FILE_VARIABLE.search(name)
    )
