from datetime import datetime, timezone

from django import forms
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

WHEN = datetime(2024, 7, 1, 22, 30, tzinfo=timezone.utc)


def page(request):
    return render(request, "pages/page.html", {"when": WHEN, "zone": request.GET.get("zone", "Asia/Kolkata"), "n": 1234567})


class Form(forms.Form):
    email = forms.EmailField()
    day = forms.DateField(widget=forms.SelectDateWidget(years=[2024, 2025]))
    color = forms.ChoiceField(choices=[("r", "red"), ("g", "green")], widget=forms.RadioSelect)


@csrf_exempt
def form(request):
    return render(request, "pages/form.html", {"form": Form(request.POST or None)})


def cached(request):
    from django.core.cache import caches
    from django.http import HttpResponse

    caches["files"].set("key", {"some": "value"}, 30)
    return HttpResponse(repr(caches["files"].get("key")), content_type="text/plain")


def mail(request):
    from django.core.mail import EmailMultiAlternatives
    from django.http import HttpResponse

    message = EmailMultiAlternatives("Grüße", "text", "a@example.org", ["b@example.org"])
    message.attach_alternative("<p>text</p>", "text/html")
    message.attach("table.csv", "a;b\n")
    return HttpResponse(str(message.send()), content_type="text/plain")
