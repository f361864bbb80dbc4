<%@ page contentType="text/plain" %><% if (true) throw new IllegalStateException("thrown"); %>
