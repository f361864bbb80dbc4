from django.urls import path

from . import views

urlpatterns = [
    path("", views.page),
    path("form/", views.form),
    path("cached/", views.cached),
    path("mail/", views.mail),
]
