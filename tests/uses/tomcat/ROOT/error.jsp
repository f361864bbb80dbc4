<%@ page isErrorPage="true" contentType="text/plain; charset=UTF-8" %>own error page: <%= exception == null ? "none" : exception.getMessage() %>
