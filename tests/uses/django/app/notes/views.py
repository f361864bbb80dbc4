import json

from django.contrib.sitemaps import Sitemap
from django.core.exceptions import ValidationError
from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from .models import Note


class NoteSitemap(Sitemap):
    def items(self):
        return Note.objects.order_by("pk")


@csrf_exempt
@require_http_methods(["GET", "POST"])
def notes(request):
    if request.method == "GET":
        found = Note.objects.filter(title__icontains=request.GET.get("q", "")).order_by("pk")
        return JsonResponse({"notes": list(found.values("id", "title", "tags"))})
    note = Note(**json.loads(request.body))
    try:
        note.full_clean()
    except ValidationError as error:
        return JsonResponse(error.message_dict, status=400)
    note.save()
    return JsonResponse({"id": note.pk}, status=201)


def note(request, number):
    return JsonResponse({"title": get_object_or_404(Note, pk=number).title})


@csrf_exempt
def upload(request):
    from django.core.files.storage import default_storage

    name = default_storage.save("upload.txt", request.FILES["file"])
    with default_storage.open(name) as file:
        return HttpResponse(file.read(), content_type="text/plain")


def export(request, kind):
    from django.core import serializers

    return HttpResponse(serializers.serialize(kind, Note.objects.order_by("pk")), content_type="text/plain")


def broken(request):
    raise RuntimeError("as asked")
