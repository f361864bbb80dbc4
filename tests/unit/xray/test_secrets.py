"""Files that look like secrets, and those that do not."""

from __future__ import annotations

import os
import time

import pytest

from docker_slim_plugin.xray.secrets import find_secrets, secret_variables

BODY = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ\n"


@pytest.mark.parametrize(
    ("name", "content", "kinds"),
    [
        ("any", f"-----BEGIN PRIVATE KEY-----\n{BODY}", ["private key"]),
        ("id_ed25519", f"-----BEGIN OPENSSH PRIVATE KEY-----\n{BODY}", ["private key"]),
        ("key.asc", f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{BODY}", ["private key"]),
        ("a.pem", f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{BODY}", ["private key, encrypted"]),
        ("b.pem", f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n{BODY}", ["private key, encrypted"]),
        ("account.json", '{"private_key": "-----BEGIN PRIVATE KEY-----\\n' + BODY.strip() + '"}', ["private key"]),
        ("x.py", 'key = "AKIAIOSFODNN7EXAMPLE"', ["AWS access key"]),
        ("x.py", "t = ghp_" + "a" * 36, ["GitHub token"]),
        ("x.py", "glpat-" + "a" * 20 + " xoxb-123456789-abcdefghij", ["GitLab token", "Slack token"]),
        (".npmrc", "//registry.npmjs.org/:_authToken=abc", ["npm password"]),
        (".netrc", "machine x login y password z", ["netrc password"]),
        (".git-credentials", "https://me:pw@example.org", ["git credentials"]),
        ("config.json", '{"auths": {"x": {"auth": "YTpi"}}}', ["registry login"]),
        ("credentials", "[default]\naws_secret_access_key = x", ["AWS credentials"]),
        (".env.prod", "A=1\nDB_PASSWORD=x", ["environment file"]),
        ("shadow", "root:$y$j9T$x:19000:0:99999:7:::\n", ["password hashes"]),
        ("store.p12", "\0", ["key store"]),
    ],
)
def test_secrets(name: str, content: str, kinds: list[str]) -> None:
    assert list(find_secrets(content.encode(), name)) == kinds


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pem.c", '#define KEY "-----BEGIN RSA PRIVATE KEY-----"\nint main(void) { return puts(KEY); }\n'),
        ("x", f"-----BEGIN PUBLIC KEY-----\n{BODY}"),
        ("x", "xAKIAIOSFODNN7EXAMPLE AKIAIOSFODNN7EXAMPLES AKIA"),
        ("x", "_ghp_" + "a" * 36),
        (".npmrc", "registry=https://x\n//x/:_authToken=${TOKEN}"),
        ("shadow", "root:*:19000:0:99999:7:::\nann:!:1::::::\n"),
        ("config.json", '{"auths": {"x": {"auth": ""}}}'),
        (".env", "PORT=80\nPASSWORD="),
        ("a.p12.txt", "x"),
    ],
)
def test_no_secrets(name: str, content: str) -> None:
    assert list(find_secrets(content.encode(), name)) == []


def test_variables() -> None:
    environment = ("PATH=/bin", "DB_PASSWORD=x", "API_KEY=y", "EMPTY_TOKEN=", "POSTGRES_PASSWORD_FILE=/run/x", "KEYBOARD=de", "SECRET_DIR=/x", "GPG_KEY=ABC", "TOKENS=1", "TOKEN")
    assert secret_variables(environment) == ("DB_PASSWORD", "API_KEY")


@pytest.mark.parametrize("name", ["x", ".env", ".npmrc", "shadow", "config.json", ".git-credentials", "kubeconfig", "a.jks"])
def test_linear_time(name: str) -> None:
    tokens = (b"AKIA", b"ghp_", b"glpat-", b"xoxb-1", b"-----BEGIN ", b"A PRIVATE KEY-----", b"PRIVATE KEY", b"password", b"token ", b"://a:", b'"auth": ', b":$y", b"_auth ", b"\t ", b"-----BEGIN PRIVATE KEY-----")
    begun = time.process_time()
    for token in (*tokens, os.urandom(64)):
        list(find_secrets(token * ((1 << 18) // len(token)), name))
    assert time.process_time() - begun < 20
