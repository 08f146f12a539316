"""A SPARQL endpoint of three triples: ADDRESS PORT. Runs on the dev server's Python (rdflib)."""

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from rdflib import Graph

GRAPH = Graph()
GRAPH.parse(
    format="turtle",
    data="""
    @prefix : <http://example.org/> .
    :anna :age 40 . :bert :age 50 . :carl :age 60 .
    """,
)


class Endpoint(BaseHTTPRequestHandler):
    """Answer a query, given in the URL or as a form, with CSV."""

    def do_GET(self):
        self._answer(urlsplit(self.path).query)

    def do_POST(self):
        self._answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _answer(self, form):
        rows = GRAPH.query(parse_qs(form)["query"][0]).serialize(format="csv")
        self.send_response(200)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(rows)))
        self.end_headers()
        self.wfile.write(rows)


ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Endpoint).serve_forever()
