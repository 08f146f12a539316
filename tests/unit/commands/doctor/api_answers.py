"""An API server that answers each path as told; all other paths are missing."""

from node_poc.cluster.errors import NotFoundError


class Answers:
    """Maps paths to answers: objects, lists of objects, or errors."""

    def __init__(self, answers):
        self.answers, self.asked = answers, []

    def call(self, _method, path, *, query=None):
        self.asked.append(path)
        if path not in self.answers:
            raise NotFoundError(path, 404, "NotFound", "")
        answer = self.answers[path]
        if isinstance(answer, list):
            return {"items": answer, "metadata": {"resourceVersion": "1"}}
        return answer
