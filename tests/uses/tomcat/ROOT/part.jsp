<%@ page contentType="text/html; charset=UTF-8" %><i>part for ${param.from}</i>
