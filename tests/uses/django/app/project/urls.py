from django.contrib import admin
from django.contrib.sitemaps.views import sitemap
from django.http import HttpResponse
from django.urls import include, path
from django.views.i18n import JavaScriptCatalog
from notes.views import NoteSitemap


def index(request):
    return HttpResponse("It works.", content_type="text/plain")


urlpatterns = [
    path("", index),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("jsi18n/", JavaScriptCatalog.as_view(packages=["django.contrib.admin"])),
    path("notes/", include("notes.urls")),
    path("pages/", include("pages.urls")),
    path("reports/", include("reports.urls")),
    path("sitemap.xml", sitemap, {"sitemaps": {"notes": NoteSitemap}}),
]
