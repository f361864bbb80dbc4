package own;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.awt.Color;
import java.awt.Font;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.*;
import java.lang.management.ManagementFactory;
import java.net.*;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.security.*;
import java.text.*;
import java.time.*;
import java.time.format.*;
import java.util.*;
import java.util.concurrent.Executors;
import java.util.logging.Logger;
import java.util.prefs.Preferences;
import java.util.zip.*;
import javax.crypto.Cipher;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.*;
import javax.imageio.ImageIO;
import javax.naming.directory.InitialDirContext;
import javax.net.ssl.*;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.transform.*;
import javax.xml.transform.stream.*;

/** A server as a framework would make it: routes, properties over environment, static files of the jar, TLS. */
public final class Server {
    private static final Logger LOG = Logger.getLogger("own");
    private static final Properties SETTINGS = new Properties();

    private interface Route {
        Object answer(Map<String, String> query, HttpExchange exchange) throws Exception;
    }

    private static final Map<String, Route> ROUTES = new TreeMap<>();

    private static void load() throws IOException {
        try (InputStream in = Server.class.getResourceAsStream("/application.properties")) {
            SETTINGS.load(in);
        }
        for (Path path : List.of(Path.of("config/application.properties"), Path.of("application.properties"))) {
            if (Files.exists(path)) {
                try (Reader in = Files.newBufferedReader(path)) {
                    SETTINGS.load(in);
                }
            }
        }
        for (String name : List.of("server.port", "greeting", "server.ssl.key-store", "server.ssl.key-store-password", "data")) {
            String variable = System.getenv(name.toUpperCase(Locale.ROOT).replace('.', '_').replace("-", ""));
            if (variable != null) SETTINGS.setProperty(name, variable);
            if (System.getProperty(name) != null) SETTINGS.setProperty(name, System.getProperty(name));
        }
    }

    private static byte[] digest(String algorithm, byte[] data) throws Exception {
        return MessageDigest.getInstance(algorithm).digest(data);
    }

    private static String crypto() throws Exception {
        Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
        byte[] key = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256")
            .generateSecret(new PBEKeySpec("word".toCharArray(), new byte[16], 1000, 128)).getEncoded();
        cipher.init(Cipher.ENCRYPT_MODE, new SecretKeySpec(key, "AES"), new GCMParameterSpec(128, new byte[12]));
        byte[] sealed = cipher.doFinal("text".getBytes());
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC");
        generator.initialize(256);
        KeyPair pair = generator.generateKeyPair();
        Signature signature = Signature.getInstance("SHA256withECDSA");
        signature.initSign(pair.getPrivate());
        signature.update(sealed);
        byte[] signed = signature.sign();
        signature.initVerify(pair.getPublic());
        signature.update(sealed);
        KeyPairGenerator.getInstance("Ed25519").generateKeyPair();
        KeyPairGenerator.getInstance("RSA").generateKeyPair();
        return HexFormat.of().formatHex(sealed) + " " + signature.verify(signed) + " " + HexFormat.of().formatHex(digest("SHA3-256", new byte[0])).substring(0, 8);
    }

    private static byte[] image(String format) throws Exception {
        BufferedImage image = new BufferedImage(40, 20, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = image.createGraphics();
        graphics.setColor(Color.WHITE);
        graphics.setFont(new Font(Font.SANS_SERIF, Font.PLAIN, 12));
        graphics.drawString("text", 2, 14);
        graphics.dispose();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        ImageIO.write(image, format, out);
        BufferedImage again = ImageIO.read(new ByteArrayInputStream(out.toByteArray()));
        int lit = 0;
        for (int x = 0; x < 40; x++) for (int y = 0; y < 20; y++) if ((again.getRGB(x, y) & 0xff) > 128) lit++;
        return (format + " " + again.getWidth() + " " + (lit > 20)).getBytes();
    }

    private static String fetch(String url) throws Exception {
        HttpClient client = HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(5)).build();
        try {
            HttpResponse<String> response = client.send(HttpRequest.newBuilder(URI.create(url)).build(), HttpResponse.BodyHandlers.ofString());
            return response.statusCode() + " " + response.body();
        } catch (IOException error) {
            return error.getClass().getSimpleName() + " " + error.getMessage();
        }
    }

    private static String xml() throws Exception {
        var document = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(new ByteArrayInputStream("<a><b>x</b></a>".getBytes()));
        StringWriter out = new StringWriter();
        String sheet = "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'><xsl:output method='text'/><xsl:template match='/'>got <xsl:value-of select='a/b'/></xsl:template></xsl:stylesheet>";
        TransformerFactory.newInstance().newTransformer(new StreamSource(new StringReader(sheet)))
            .transform(new StreamSource(new StringReader("<a><b>x</b></a>")), new StreamResult(out));
        var path = javax.xml.xpath.XPathFactory.newInstance().newXPath().evaluate("/a/b", document);
        return out + " " + path;
    }

    private static String zip() throws Exception {
        Path file = Files.createTempFile("own", ".zip");
        Files.delete(file);
        try (FileSystem system = FileSystems.newFileSystem(URI.create("jar:" + file.toUri()), Map.of("create", "true"))) {
            Files.writeString(system.getPath("/a.txt"), "text");
        }
        try (ZipFile zip = new ZipFile(file.toFile())) {
            return new String(zip.getInputStream(zip.getEntry("a.txt")).readAllBytes());
        }
    }

    private static String process(String... words) throws Exception {
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        return new String(process.getInputStream().readAllBytes()).trim() + " " + process.waitFor();
    }

    private static String watch() throws Exception {
        Path directory = Files.createTempDirectory("own");
        try (WatchService service = FileSystems.getDefault().newWatchService()) {
            directory.register(service, StandardWatchEventKinds.ENTRY_CREATE);
            Files.createFile(directory.resolve("new"));
            var key = service.poll(15, java.util.concurrent.TimeUnit.SECONDS);
            return key == null ? "nothing" : key.pollEvents().get(0).context().toString();
        }
    }

    private static void routes() {
        ROUTES.put("/", (query, exchange) -> SETTINGS.getProperty("greeting") + " grün");
        ROUTES.put("/json", (query, exchange) -> {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            return "{\"length\": " + body.length() + ", \"method\": \"" + exchange.getRequestMethod() + "\"}";
        });
        ROUTES.put("/time", (query, exchange) -> ZonedDateTime.of(2024, 7, 1, 12, 0, 0, 0, ZoneOffset.UTC)
            .withZoneSameInstant(query.containsKey("zone") ? ZoneId.of(query.get("zone")) : ZoneId.systemDefault()) + " " + TimeZone.getDefault().getID());
        ROUTES.put("/locale", (query, exchange) -> {
            Locale locale = Locale.forLanguageTag(query.getOrDefault("tag", "de"));
            return NumberFormat.getCurrencyInstance(locale).format(1234.5) + " "
                + LocalDate.of(2024, 7, 1).format(DateTimeFormatter.ofLocalizedDate(FormatStyle.FULL).withLocale(locale)) + " "
                + MessageFormat.format(ResourceBundle.getBundle("messages", locale).getString("hello"), "Ada") + " "
                + Collator.getInstance(locale).compare("ä", "z") + " " + Normalizer.normalize("e\u0301", Normalizer.Form.NFC).length();
        });
        ROUTES.put("/crypto", (query, exchange) -> crypto());
        ROUTES.put("/image", (query, exchange) -> image(query.getOrDefault("as", "png")));
        ROUTES.put("/fonts", (query, exchange) -> java.awt.GraphicsEnvironment.getLocalGraphicsEnvironment().getAvailableFontFamilyNames().length > 1);
        ROUTES.put("/fetch", (query, exchange) -> fetch(query.get("url")));
        ROUTES.put("/xml", (query, exchange) -> xml());
        ROUTES.put("/zip", (query, exchange) -> zip());
        ROUTES.put("/gzip", (query, exchange) -> {
            exchange.getResponseHeaders().set("Content-Encoding", "gzip");
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
                gzip.write("packed".getBytes());
            }
            return out.toByteArray();
        });
        ROUTES.put("/process", (query, exchange) -> process("sh", "-c", "echo from a process"));
        ROUTES.put("/watch", (query, exchange) -> watch());
        ROUTES.put("/charset", (query, exchange) -> HexFormat.of().formatHex("あ".getBytes("Shift_JIS")) + " "
            + HexFormat.of().formatHex("€".getBytes("windows-1252")) + " " + new String(new byte[] {(byte) 0xc4, (byte) 0xe3}, "GBK") + " " + Charset.defaultCharset());
        ROUTES.put("/host", (query, exchange) -> InetAddress.getByName("localhost").isLoopbackAddress() + " " + (NetworkInterface.getByName("lo") != null));
        ROUTES.put("/jmx", (query, exchange) -> ManagementFactory.getPlatformMBeanServer().getMBeanCount() > 10
            && ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getTotalMemorySize() > 0);
        ROUTES.put("/gc", (query, exchange) -> {
            List<String> names = new ArrayList<>();
            ManagementFactory.getGarbageCollectorMXBeans().forEach(bean -> names.add(bean.getName()));
            return names + " " + Runtime.getRuntime().maxMemory() / (1 << 20);
        });
        ROUTES.put("/services", (query, exchange) -> {
            StringBuilder text = new StringBuilder();
            ServiceLoader.load(Format.class).forEach(format -> text.append(format.of("a")));
            return text;
        });
        ROUTES.put("/providers", (query, exchange) -> {
            List<String> names = new ArrayList<>();
            for (Provider provider : Security.getProviders()) names.add(provider.getName());
            return names;
        });
        ROUTES.put("/naming", (query, exchange) -> {
            try {
                return new InitialDirContext(new Hashtable<>(Map.of("java.naming.factory.initial", "com.sun.jndi.ldap.LdapCtxFactory", "java.naming.provider.url", "ldap://127.0.0.1:9")));
            } catch (javax.naming.CommunicationException error) {
                return "no directory";
            }
        });
        ROUTES.put("/tls", (query, exchange) -> String.join(" ", SSLContext.getDefault().getSupportedSSLParameters().getProtocols()) + " "
            + (((X509TrustManager) trust()).getAcceptedIssuers().length > 100));
        ROUTES.put("/file", (query, exchange) -> {
            Path file = Path.of(SETTINGS.getProperty("data", "/data"), "own.txt");
            Files.writeString(file, "line\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            return Files.readAllLines(file).size() + " " + Files.probeContentType(file) + " " + Files.getOwner(file).getName();
        });
        ROUTES.put("/preferences", (query, exchange) -> {
            Preferences.userRoot().put("own", "kept");
            return Preferences.userRoot().get("own", "none");
        });
        ROUTES.put("/socket", (query, exchange) -> {
            Path path = Path.of("/tmp/own.sock");
            Files.deleteIfExists(path);
            try (var server = java.nio.channels.ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
                server.bind(UnixDomainSocketAddress.of(path));
                return Files.exists(path);
            }
        });
        ROUTES.put("/compile", (query, exchange) -> javax.tools.ToolProvider.getSystemJavaCompiler() == null);
        ROUTES.put("/broken", (query, exchange) -> {
            throw new IllegalStateException("as asked");
        });
        ROUTES.put("/headers", (query, exchange) -> exchange.getRequestHeaders().getFirst("X-Own"));
    }

    private static TrustManager trust() throws Exception {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init((KeyStore) null);
        return factory.getTrustManagers()[0];
    }

    private static void handle(HttpExchange exchange) throws IOException {
        Map<String, String> query = new HashMap<>();
        String raw = exchange.getRequestURI().getRawQuery();
        for (String pair : raw == null ? new String[0] : raw.split("&")) {
            String[] parts = pair.split("=", 2);
            query.put(parts[0], parts.length > 1 ? URLDecoder.decode(parts[1], StandardCharsets.UTF_8) : "");
        }
        String path = exchange.getRequestURI().getPath();
        int status = 200;
        byte[] body;
        try {
            InputStream file = path.startsWith("/static/") ? Server.class.getResourceAsStream(path) : null;
            Route route = ROUTES.get(path);
            if (file != null) {
                exchange.getResponseHeaders().set("Content-Type", URLConnection.guessContentTypeFromName(path));
                body = file.readAllBytes();
            } else if (route == null) {
                status = 404;
                body = "nothing here\n".getBytes();
            } else {
                Object answer = route.answer(query, exchange);
                body = answer instanceof byte[] bytes ? bytes : (answer + "\n").getBytes(StandardCharsets.UTF_8);
            }
        } catch (Exception | Error error) {
            status = 500;
            body = (error + "\n").getBytes();
            LOG.severe(error.toString());
        }
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    public static void main(String[] words) throws Exception {
        load();
        routes();
        for (String word : words) {
            if (word.equals("--version")) {
                System.out.println("own " + Server.class.getPackage().getImplementationVersion());
                return;
            }
            String[] parts = word.replaceFirst("^--", "").split("=", 2);
            SETTINGS.setProperty(parts[0], parts.length > 1 ? parts[1] : "");
        }
        InetSocketAddress address = new InetSocketAddress(Integer.parseInt(SETTINGS.getProperty("server.port")));
        String store = SETTINGS.getProperty("server.ssl.key-store");
        HttpServer server;
        if (store == null) {
            server = HttpServer.create(address, 0);
        } else {
            char[] password = SETTINGS.getProperty("server.ssl.key-store-password", "changeit").toCharArray();
            KeyStore keys = KeyStore.getInstance(new File(store), password);
            KeyManagerFactory factory = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
            factory.init(keys, password);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(factory.getKeyManagers(), null, null);
            HttpsServer https = HttpsServer.create(address, 0);
            https.setHttpsConfigurator(new HttpsConfigurator(context));
            server = https;
        }
        server.createContext("/", Server::handle);
        server.setExecutor(Executors.newFixedThreadPool(8));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("stopped by a hook")));
        server.start();
        LOG.info("started on " + address.getPort());
    }
}
