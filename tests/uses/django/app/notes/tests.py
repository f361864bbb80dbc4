from django.test import TestCase


class Notes(TestCase):
    def test_add(self):
        answer = self.client.post("/notes/", {"title": "x"}, content_type="application/json")
        self.assertEqual(answer.status_code, 201)
        self.assertContains(self.client.get("/notes/?q=X"), '"title": "x"')
