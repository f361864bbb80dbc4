<?php
session_start();
$_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
date_default_timezone_set('Asia/Kolkata');
echo 'visit ', $_SESSION['visits'], ' ', date('T', 0), "\n";
