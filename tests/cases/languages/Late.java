import java.security.KeyStore;
import java.time.Instant;
import java.time.LocalDate;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.time.format.FormatStyle;
import java.util.Locale;
import java.util.ResourceBundle;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

/** Certificate authorities, time zones, translations: what a JVM finds when it looks for it. */
public class Late {
    public String toString() {
        try {
            TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init((KeyStore) null);
            int authorities = ((X509TrustManager) factory.getTrustManagers()[0]).getAcceptedIssuers().length;
            String word = ResourceBundle.getBundle("words", Locale.GERMANY).getString("hello");
            String date = DateTimeFormatter.ofLocalizedDate(FormatStyle.LONG).withLocale(Locale.GERMANY)
                .format(LocalDate.of(2020, 1, 1));
            Process process = new ProcessBuilder("uname", "-s").start();
            String system = new String(process.getInputStream().readAllBytes()).strip();
            return (authorities > 50) + " " + Instant.EPOCH.atZone(ZoneId.of("Asia/Kolkata")).getHour() + " " + word
                + " " + date + " " + system;
        } catch (Exception error) {
            return error.toString();
        }
    }
}
