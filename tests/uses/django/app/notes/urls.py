from django.urls import path

from . import views

urlpatterns = [
    path("", views.notes),
    path("<int:number>/", views.note),
    path("upload/", views.upload),
    path("export/<slug:kind>/", views.export),
    path("broken/", views.broken),
]
