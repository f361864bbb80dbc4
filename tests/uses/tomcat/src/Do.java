import jakarta.servlet.ServletException;
import jakarta.servlet.annotation.MultipartConfig;
import jakarta.servlet.annotation.WebServlet;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.awt.Color;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.Signature;
import java.text.Collator;
import java.text.NumberFormat;
import java.time.Instant;
import java.time.ZoneId;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.FormatStyle;
import java.util.Arrays;
import java.util.Base64;
import java.util.Currency;
import java.util.HexFormat;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import javax.crypto.Cipher;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;
import javax.imageio.ImageIO;
import javax.naming.InitialContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import javax.xml.transform.stream.StreamSource;
import javax.xml.xpath.XPathFactory;

/** One part of the Java library for each path below /do. */
@WebServlet("/do/*")
@MultipartConfig
public class Do extends HttpServlet {
  @Override
  protected void service(HttpServletRequest asked, HttpServletResponse answer) throws ServletException, IOException {
    asked.setCharacterEncoding("UTF-8");
    answer.setContentType("text/plain; charset=UTF-8");
    try {
      answer.getWriter().println(result(asked.getPathInfo().substring(1), asked));
    } catch (Exception problem) {
      answer.setStatus(500);
      answer.getWriter().println(problem);
    }
  }

  private Object result(String name, HttpServletRequest asked) throws Exception {
    var value = asked.getParameter("v");
    switch (name) {
      case "time":
        return ZonedDateTime.ofInstant(Instant.EPOCH, ZoneId.of(value)) + " " + ZonedDateTime.ofInstant(Instant.EPOCH, ZoneId.systemDefault())
            .format(DateTimeFormatter.ofPattern("HH:mm zzz"));
      case "locale":
        var locale = Locale.forLanguageTag(value);
        return NumberFormat.getCurrencyInstance(locale).format(1234.5) + " " + Currency.getInstance(locale).getDisplayName(locale) + " "
            + ZonedDateTime.ofInstant(Instant.EPOCH, ZoneId.of("UTC")).format(DateTimeFormatter.ofLocalizedDate(FormatStyle.FULL).withLocale(locale));
      case "default-locale":
        return Locale.getDefault() + " " + Charset.defaultCharset() + " " + System.getProperty("sun.jnu.encoding");
      case "charset":
        var bytes = "日本 é".getBytes(Charset.forName(value));
        return HexFormat.of().formatHex(bytes) + " " + new String(bytes, value);
      case "collate":
        var words = new String[] {"zebra", "Äpfel", "apfel"};
        Arrays.sort(words, Collator.getInstance(Locale.GERMAN));
        return String.join(" ", words);
      case "regex":
        return Pattern.compile("(?<word>\\p{Lu}\\p{L}+)", Pattern.UNICODE_CHARACTER_CLASS).matcher(value).replaceAll("<${word}>");
      case "xml":
        var parsed = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(asked.getInputStream());
        var text = new StringWriter();
        TransformerFactory.newInstance().newTransformer().transform(new DOMSource(parsed), new StreamResult(text));
        return XPathFactory.newInstance().newXPath().evaluate("count(//b)", parsed) + " " + text;
      case "xslt":
        var sheet = "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'><xsl:output method='text'/>"
            + "<xsl:template match='/'>sum <xsl:value-of select='sum(//b)'/></xsl:template></xsl:stylesheet>";
        var out = new StringWriter();
        TransformerFactory.newInstance().newTransformer(new StreamSource(new ByteArrayInputStream(sheet.getBytes())))
            .transform(new StreamSource(asked.getInputStream()), new StreamResult(out));
        return out;
      case "zip":
        var packed = new ByteArrayOutputStream();
        try (var zip = new ZipOutputStream(packed)) {
          zip.putNextEntry(new ZipEntry("a.txt"));
          zip.write("text".repeat(100).getBytes());
        }
        var squeezed = new ByteArrayOutputStream();
        try (var gzip = new GZIPOutputStream(squeezed)) {
          gzip.write("again".getBytes());
        }
        return packed.size() + " " + new String(new GZIPInputStream(new ByteArrayInputStream(squeezed.toByteArray())).readAllBytes());
      case "digest":
        return HexFormat.of().formatHex(MessageDigest.getInstance(value).digest("abc".getBytes())).substring(0, 16);
      case "cipher":
        var key = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(new PBEKeySpec("pw".toCharArray(), "salt".getBytes(), 1000, 256));
        var cipher = Cipher.getInstance("AES/GCM/NoPadding");
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key.getEncoded(), "AES"), new GCMParameterSpec(128, new byte[12]));
        return Base64.getEncoder().encodeToString(cipher.doFinal("abc".getBytes()));
      case "sign":
        var pair = KeyPairGenerator.getInstance(value).generateKeyPair();
        var signature = Signature.getInstance(value.equals("EC") ? "SHA256withECDSA" : value.equals("RSA") ? "SHA256withRSA" : value);
        signature.initSign(pair.getPrivate());
        signature.update(new byte[5]);
        var signed = signature.sign();
        signature.initVerify(pair.getPublic());
        signature.update(new byte[5]);
        return signature.verify(signed);
      case "image":
        var image = new BufferedImage(20, 10, BufferedImage.TYPE_INT_RGB);
        var canvas = image.createGraphics();
        canvas.setColor(Color.ORANGE);
        canvas.fillRect(2, 2, 9, 5);
        var picture = new ByteArrayOutputStream();
        ImageIO.write(image, value, picture);
        var back = ImageIO.read(new ByteArrayInputStream(picture.toByteArray()));
        return value + " " + back.getWidth() + "x" + back.getHeight() + " " + picture.size();
      case "authorities":
        var factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init((KeyStore) null);
        return ((X509TrustManager) factory.getTrustManagers()[0]).getAcceptedIssuers().length;
      case "fetch":
        var got = HttpClient.newHttpClient().send(HttpRequest.newBuilder(URI.create(value)).build(), HttpResponse.BodyHandlers.ofString());
        return got.statusCode() + " " + got.body();
      case "host":
        return InetAddress.getByName(value).getHostAddress();
      case "file":
        var path = Files.writeString(Files.createTempFile("do", ".txt"), "from a file");
        return Files.readString(path) + " " + Files.probeContentType(Path.of("a.pdf"));
      case "process":
        return new String(new ProcessBuilder("uname", "-s").start().getInputStream().readAllBytes()).trim();
      case "upload":
        var part = asked.getPart("f");
        return part.getSubmittedFileName() + " " + part.getSize() + " " + part.getContentType();
      case "property":
        return System.getProperty(value);
      case "naming":
        return new InitialContext().lookup("java:comp/env") != null;
      case "collector":
        return java.lang.management.ManagementFactory.getGarbageCollectorMXBeans().get(0).getName();
      default:
        return "unknown: " + name;
    }
  }
}
