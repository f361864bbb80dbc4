<%@ page contentType="text/html; charset=UTF-8" %><!doctype html>
<title>app</title><p>Hello from <%= application.getServerInfo().split("/")[0] %>
