from django.contrib import admin

from .models import Note


@admin.register(Note)
class NoteAdmin(admin.ModelAdmin):
    list_display = ("title", "due")
    list_filter = ("due",)
    search_fields = ("title", "text")
    date_hierarchy = "due"
