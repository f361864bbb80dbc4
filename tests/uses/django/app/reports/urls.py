from django.urls import path

from . import views

urlpatterns = [
    path("csv/", views.as_csv),
    path("xlsx/", views.as_xlsx),
    path("sum/", views.sum_xlsx),
    path("image/<slug:kind>/", views.image),
    path("size/", views.size),
    path("markdown/", views.as_markdown),
    path("versions/", views.versions),
    path("zone/", views.zone),
    path("sqlite/", views.sqlite),
]
