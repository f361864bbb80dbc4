import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;

/** Serves "/" by itself, and "/second" by a class that is not loaded before it is asked for. */
public class App {
    public static void main(String[] arguments) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", exchange -> answer(exchange, "first"));
        server.createContext("/second", exchange -> answer(exchange, late()));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("goodbye")));
        server.start();
    }

    static String late() {
        try {
            return Class.forName("Late").getDeclaredConstructor().newInstance().toString();
        } catch (ReflectiveOperationException error) {
            return error.toString();
        }
    }

    static void answer(HttpExchange exchange, String text) throws IOException {
        byte[] bytes = text.getBytes("UTF-8");
        exchange.sendResponseHeaders(200, bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.close();
    }
}
