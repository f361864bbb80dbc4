<%@ page contentType="text/plain" %>member <%= request.getRemoteUser() %>
