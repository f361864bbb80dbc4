<?php
declare(strict_types=1);
spl_autoload_register(fn ($class) => is_file($file = __DIR__ . '/lib/' . str_replace(['App\\', '\\'], ['', '/'], $class) . '.php') && require $file);
$config = require is_file(__DIR__ . '/config.php') ? __DIR__ . '/config.php' : __DIR__ . '/config-sample.php';
$path = trim(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), '/');
header('Content-Type: text/plain; charset=utf-8');
switch ($path) {
    case '':
        echo htmlspecialchars($config['title']), ': ', mb_strtoupper('grün'), "\n";
        break;
    case 'notes':
        $notes = new App\Notes($config['data']);
        if ($_SERVER['REQUEST_METHOD'] === 'POST') {
            http_response_code(201);
            echo $notes->add($_POST['text'] ?? ''), "\n";
        } else {
            header('Content-Type: application/json');
            echo json_encode($notes->all(), JSON_UNESCAPED_UNICODE), "\n";
        }
        break;
    case 'visits':
        session_start();
        $_SESSION['n'] = ($_SESSION['n'] ?? 0) + 1;
        echo $_SESSION['n'], "\n";
        break;
    case 'upload':
        $file = $_FILES['file'];
        if ($file['error']) {
            http_response_code(400);
            echo 'error ', $file['error'], "\n";
            break;
        }
        move_uploaded_file($file['tmp_name'], '/tmp/upload');
        echo $file['name'], ' ', filesize('/tmp/upload'), ' ', sha1_file('/tmp/upload'), ' ',
            function_exists('mime_content_type') ? mime_content_type('/tmp/upload') : '', "\n";
        break;
    case 'thumb':
        $format = $_GET['as'] ?? 'png';
        $image = imagecreatetruecolor(20, 10);
        imagefill($image, 0, 0, imagecolorallocate($image, 200, 30, 30));
        imagestring($image, 2, 1, 1, 'x', imagecolorallocate($image, 255, 255, 255));
        $small = imagescale($image, 10, 5);
        header("Content-Type: image/$format");
        ['png' => 'imagepng', 'jpeg' => 'imagejpeg', 'gif' => 'imagegif', 'webp' => 'imagewebp'][$format]($small);
        break;
    case 'page':
        header('Content-Type: text/html; charset=utf-8');
        $document = new DOMDocument();
        $document->loadHTML('<p>one<b>two</b>', LIBXML_HTML_NOIMPLIED);
        echo $document->saveHTML(), simplexml_load_string('<a><b>x</b></a>')->b, "\n";
        break;
    case 'intl':
        $locale = $_GET['locale'] ?? 'de_DE';
        echo (new NumberFormatter($locale, NumberFormatter::CURRENCY))->formatCurrency(1234.5, 'EUR'), ' ',
            (new IntlDateFormatter($locale, IntlDateFormatter::LONG, IntlDateFormatter::NONE, 'UTC'))->format(0), ' ',
            transliterator_transliterate('Any-Latin; Latin-ASCII', 'Привет'), "\n";
        break;
    case 'zip':
        $zip = new ZipArchive();
        $zip->open('/tmp/own.zip', ZipArchive::CREATE | ZipArchive::OVERWRITE);
        $zip->addFromString('a.txt', 'text');
        $zip->close();
        $zip->open('/tmp/own.zip');
        echo $zip->getFromName('a.txt'), ' ', $zip->numFiles, "\n";
        break;
    case 'time':
        echo (new DateTime('2024-07-01 12:00 UTC'))->setTimezone(new DateTimeZone($_GET['zone'] ?? 'Asia/Kolkata'))->format('c T'), ' ',
            strtoupper(date('T', 0)), "\n";
        break;
    case 'fetch':
        $curl = curl_init($_GET['url']);
        curl_setopt_array($curl, [CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 5]);
        $body = curl_exec($curl);
        echo curl_errno($curl), ' ', $body === false ? curl_error($curl) : $body, "\n";
        break;
    case 'open':
        $body = @file_get_contents($_GET['url'], false, stream_context_create(['ssl' => ['allow_self_signed' => true, 'verify_peer_name' => false, 'verify_peer' => false]]));
        echo $body === false ? 'no' : $body, "\n";
        break;
    case 'mail':
        echo @mail('a@example.test', 'subject', 'text') ? 'sent' : 'not sent', "\n";
        break;
    case 'crypt':
        echo password_verify('word', password_hash('word', PASSWORD_DEFAULT)) ? 'ok' : 'no', ' ',
            hash('sha256', 'x'), ' ', openssl_encrypt('text', 'aes-128-cbc', str_repeat('k', 16), 0, str_repeat('i', 16)), ' ',
            function_exists('sodium_crypto_secretbox') ? 'sodium' : '', "\n";
        break;
    case 'encode':
        echo iconv('UTF-8', 'ISO-8859-15', 'grün €') === "gr\xfcn \xa4" ? 'latin9' : 'no', ' ', mb_convert_encoding("\x82\xa0", 'UTF-8', 'SJIS'), ' ',
            bin2hex((string) iconv('UTF-8', 'SHIFT_JIS', 'あ')), ' ', bcadd('0.1', '0.2', 5), ' ', gzuncompress(gzcompress('z')), "\n";
        break;
    case 'locale':
        echo setlocale(LC_ALL, '0'), ' ', setlocale(LC_CTYPE, 'C.UTF-8'), ' ', getenv('LANG') ?: '-', "\n";
        break;
    case 'ini':
        echo ini_get('memory_limit'), ' ', ini_get('upload_max_filesize'), ' ', ini_get('max_input_vars'), ' ', ini_get('date.timezone'), ' ',
            (opcache_get_status(false)['opcache_enabled'] ?? false) ? 'opcache' : '-', ' ', php_ini_loaded_file(), "\n";
        break;
    case 'shell':
        echo shell_exec('echo from the shell'), "\n";
        break;
    case 'mysql':
        try {
            new PDO('mysql:host=127.0.0.1;dbname=x', 'u', 'p');
        } catch (PDOException $error) {
            echo get_class($error), ' ', $error->getCode(), ' ', extension_loaded('mysqli') ? 'mysqli' : '', "\n";
        }
        break;
    case 'info':
        phpinfo(INFO_MODULES);
        break;
    case 'broken':
        throw new RuntimeException('as asked');
    default:
        http_response_code(404);
        echo "nothing here\n";
}
