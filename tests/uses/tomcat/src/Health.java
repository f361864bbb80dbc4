import java.net.HttpURLConnection;
import java.net.URL;

/** Exit status 0 if the app answers. */
public class Health {
  public static void main(String[] words) throws Exception {
    var connection = (HttpURLConnection) new URL("http://localhost:8080/index.jsp").openConnection();
    System.exit(connection.getResponseCode() < 400 ? 0 : 1);
  }
}
