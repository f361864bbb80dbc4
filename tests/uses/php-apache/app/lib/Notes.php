<?php
namespace App;

final class Notes
{
    private \PDO $db;

    public function __construct(string $file)
    {
        $this->db = new \PDO("sqlite:$file", null, null, [\PDO::ATTR_ERRMODE => \PDO::ERRMODE_EXCEPTION]);
        $this->db->exec('CREATE TABLE IF NOT EXISTS note (id INTEGER PRIMARY KEY, text TEXT)');
    }

    public function add(string $text): int
    {
        $this->db->prepare('INSERT INTO note (text) VALUES (?)')->execute([$text]);
        return (int) $this->db->lastInsertId();
    }

    public function all(): array
    {
        return $this->db->query('SELECT id, text FROM note ORDER BY id')->fetchAll(\PDO::FETCH_ASSOC);
    }
}
