"""Which headers the proxy passes on."""

from node_poc.proxy.headers import to_algorithm, to_server


def test_only_what_the_server_needs_goes_to_it():
    came = [
        ("Host", "v6proxy"),
        ("authorization", "Bearer x"),
        ("Content-Type", "application/json"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "gzip"),
        ("Connection", "keep-alive"),
        ("Cookie", "a=b"),
        ("X-Forwarded-For", "1.2.3.4"),
        ("X-Public-Key", "k"),
        ("Content-Length", "3"),
        ("Transfer-Encoding", "chunked"),
        ("Proxy-Authorization", "Basic x"),
    ]
    assert to_server(came, body_as_it_came=True) == [
        ("authorization", "Bearer x"),
        ("Content-Type", "application/json"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "gzip"),
    ]
    assert to_server(came, body_as_it_came=False)[-1] == ("Accept-Encoding", "identity")
    assert ("Accept-Encoding", "gzip") not in to_server(came, body_as_it_came=False)


def test_an_algorithm_that_knows_no_coding_gets_none():
    assert to_server([], body_as_it_came=True) == [("Accept-Encoding", "identity")]


CAME = [
    ("Content-Type", "application/json"),
    ("Content-Length", "10"),
    ("Content-Encoding", "gzip"),
    ("ETag", "x"),
    ("Connection", "close, X-Of-This-Connection"),
    ("X-Of-This-Connection", "1"),
    ("Keep-Alive", "timeout=5"),
    ("Transfer-Encoding", "chunked"),
    ("Set-Cookie", "a=b"),
    ("Server", "nginx"),
    ("Location", "https://server.example/"),
    ("X-Other", "stays"),
]


def test_a_body_that_stays_keeps_its_length_and_coding():
    assert to_algorithm(CAME, body_as_it_came=True) == [
        ("Content-Type", "application/json"),
        ("Content-Length", "10"),
        ("Content-Encoding", "gzip"),
        ("ETag", "x"),
        ("X-Other", "stays"),
        ("Server", "v6proxy"),
    ]


def test_another_body_gets_none_of_them():
    assert to_algorithm(CAME, body_as_it_came=False) == [
        ("Content-Type", "application/json"),
        ("X-Other", "stays"),
        ("Server", "v6proxy"),
    ]
