"""Reports. What only one report needs is imported by it."""

from django.http import HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

ROWS = [("name", "count"), ("räder", 3), ("äpfel", 4)]


def as_csv(request):
    import csv

    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    csv.writer(answer, delimiter=";").writerows(ROWS)
    return answer


def as_xlsx(request):
    from openpyxl import Workbook
    from openpyxl.styles import Font

    book = Workbook()
    for row in ROWS:
        book.active.append(row)
    book.active["A1"].font = Font(bold=True)
    answer = HttpResponse(content_type="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")
    book.save(answer)
    return answer


@csrf_exempt
def sum_xlsx(request):
    from openpyxl import load_workbook

    sheet = load_workbook(request.FILES["file"]).active
    return JsonResponse({"sum": sum(row[1] for row in sheet.iter_rows(min_row=2, values_only=True))})


def image(request, kind):
    from io import BytesIO

    from PIL import Image, ImageDraw, ImageFilter, ImageFont

    picture = Image.new("RGB", (64, 32), "white")
    ImageDraw.Draw(picture).text((4, 4), "count 7", fill="navy", font=ImageFont.load_default())
    file = BytesIO()
    picture.filter(ImageFilter.BLUR).save(file, format=kind)
    return HttpResponse(file.getvalue(), content_type=f"image/{kind}")


@csrf_exempt
def size(request):
    from PIL import Image

    picture = Image.open(request.FILES["file"])
    picture.thumbnail((16, 16))
    return JsonResponse({"format": picture.format, "size": picture.size})


def as_markdown(request):
    import markdown

    return HttpResponse(markdown.markdown("# Head\n\n| a | b |\n|---|---|\n| 1 | 2 |", extensions=["tables", "toc"]))


def versions(request):
    from importlib.metadata import distribution, entry_points

    found = {name: distribution(name).version for name in ("django", "pillow", "openpyxl")}
    found["scripts"] = sorted(one.name for one in entry_points(group="console_scripts") if "django" in one.value)
    return JsonResponse(found)


def zone(request):
    from datetime import datetime
    from zoneinfo import ZoneInfo, available_timezones

    moment = datetime(2024, 1, 1, tzinfo=ZoneInfo(request.GET.get("name", "America/New_York")))
    return JsonResponse({"offset": str(moment.utcoffset()), "many": len(available_timezones()) > 300})


def sqlite(request):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT json_extract(%s, '$.a'), upper('x'), sqlite_version() >= '3.31'", ['{"a": 5}'])
        return JsonResponse({"row": cursor.fetchone()})
