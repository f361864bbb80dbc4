package own;

public class Loud implements Format {
    public String of(String text) {
        return text.toUpperCase();
    }
}
