package own;

public class Plain implements Format {
    public String of(String text) {
        return text;
    }
}
