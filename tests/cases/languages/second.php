<?php
spl_autoload_register(fn (string $name) => require __DIR__ . "/$name.php");
$database = new PDO('sqlite::memory:');
echo (new Late)->word(), ' ', mb_strtoupper('ß'), ' ', $database->query('select 6 * 7')->fetchColumn(), "\n";
