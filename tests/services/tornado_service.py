"""A service of tornado's."""

import tornado.web


class Answer(tornado.web.RequestHandler):
    def get(self) -> None:
        self.write("ok")


app = tornado.web.Application([("/.*", Answer)])
