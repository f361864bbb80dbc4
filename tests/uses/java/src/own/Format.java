package own;

public interface Format {
    String of(String text);
}
