import jakarta.websocket.OnMessage;
import jakarta.websocket.server.ServerEndpoint;

/** Answers each message with itself. */
@ServerEndpoint("/echo")
public class Echo {
  @OnMessage
  public String echo(String message) {
    return message;
  }
}
