<%@ page contentType="text/html; charset=UTF-8" import="java.util.*" %><%@ include file="/WEB-INF/head.jspf" %><%
request.setCharacterEncoding("UTF-8");
for (String name : new TreeSet<>(request.getParameterMap().keySet())) {
%><p><%= name %>: ${param["<%= name %>"]} <%= request.getParameter(name).toUpperCase(Locale.GERMAN) %></p><% } %>
${param.x + 1} <jsp:include page="/part.jsp"><jsp:param name="from" value="form"/></jsp:include>
