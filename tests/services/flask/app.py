from flask import Flask, render_template_string

app = Flask(__name__)


@app.get("/")
def index():
    return render_template_string("<a href='/hello/{{ name }}'>hello</a>", name="you")


@app.get("/hello/<name>")
def hello(name):
    return {"hello": name}
