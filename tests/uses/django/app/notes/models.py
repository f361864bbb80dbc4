from django.db import models


class Note(models.Model):
    title = models.CharField(max_length=80, unique=True)
    text = models.TextField(blank=True)
    due = models.DateTimeField(null=True, blank=True)
    tags = models.JSONField(default=list, blank=True)

    def __str__(self):
        return self.title

    def get_absolute_url(self):
        return f"/notes/{self.pk}/"
