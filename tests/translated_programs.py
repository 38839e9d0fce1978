"""The same functions in every language that tests are translated into, with Python tests that tell right from wrong.

`@` in a program is 0 where it is right; with 1 in its place every function is wrong, each in its own kind of value.
"""

# ruff: noqa: E501

from __future__ import annotations

TEXTS = (
    "",
    "a",
    "say \"hi\" to 'me'",
    "a\\nb",
    "two\nlines\tand a tab",
    "$x ${y} #{z} #$q %d {0} \\u0041 \\",
    "/*x*/ // -- <?php",
)
"""Each with something that a language takes for an escape, a variable or a comment."""
TESTS = {
    "int": ("assert plus(1, 2) == 3", "assert plus(-1, 1) == 0", "assert plus(-40, -2) == -42"),
    "bool": ("assert is_long('abcd') is True", "assert is_long('abc') is False", "assert not is_long('')"),
    "text": tuple(f"assert shifted({text!r}) == {text + '!'!r}" for text in TEXTS),
    "list of int": tuple(f"assert codes({text!r}) == {[ord(c) for c in text]}" for text in TEXTS),
    "list of bool": ("assert evens([1, 2, 0]) == [False, True, True]", "assert evens([]) == []"),
    "list of text": (
        "assert tail(['a', 'b', 'c d']) == ['b', 'c d']",
        "assert tail(['x', 'y']) == ['y']",
        "assert tail([]) == []",
    ),
    "list of lists": (
        "assert doubled([[1, 2], [0]]) == [[2, 4], [0]]",
        "assert doubled([]) == []",
        "assert doubled([[-3]]) == [[-6]]",
    ),
    "float given": ("assert is_warm(20.5) is True", "assert is_warm(19.75) is False", "assert is_warm(20) is False"),
}
"""Kind of value -> tests that have it."""
JAVASCRIPT = """\
function plus(a, b) { return a + b + @; }
function is_long(text) { return text.length > 3 + @; }
function shifted(text) { return text + "!".repeat(1 + @); }
function codes(text) { return Array.from(text, c => c.charCodeAt(0)).concat(Array(@).fill(1)); }
function evens(numbers) { return numbers.map(n => (n + @) % 2 === 0); }
function tail(words) { return words.slice(1 + @); }
function doubled(rows) { return rows.map(row => row.map(n => 2 * n + @)); }
function is_warm(degrees) { return degrees + @ > 20.25; }
"""
PROGRAMS = {
    "javascript": JAVASCRIPT,
    "typescript": JAVASCRIPT.replace("(a, b)", "(a: number, b: number): number")
    .replace("(text)", "(text: string)")
    .replace("(numbers)", "(numbers: number[]): boolean[]")
    .replace("(words)", "(words: string[]): string[]")
    .replace("(rows)", "(rows: number[][]): number[][]")
    .replace("(degrees)", "(degrees: number): boolean"),
    "cpp": """\
#include <string>
#include <vector>
using std::string, std::vector;
int plus(int a, int b) { return a + b + @; }
bool is_long(const string& text) { return text.size() > 3 + @; }
string shifted(string text) { return text + string(1 + @, '!'); }
vector<int> codes(const string& text) { vector<int> all(text.begin(), text.end()); if (@) all.push_back(1); return all; }
vector<bool> evens(vector<int> numbers) { vector<bool> all; for (int n : numbers) all.push_back((n + @) % 2 == 0); return all; }
vector<string> tail(vector<string> words) { return words.size() > 1 + @ ? vector<string>(words.begin() + 1 + @, words.end()) : vector<string>(); }
vector<vector<int>> doubled(vector<vector<int>> rows) { for (auto& row : rows) for (int& n : row) n = 2 * n + @; return rows; }
bool is_warm(double degrees) { return degrees + @ > 20.25; }
""",
    "java": """\
import java.util.*;
class Solution {
    static int plus(int a, int b) { return a + b + @; }
    static boolean is_long(String text) { return text.length() > 3 + @; }
    static String shifted(String text) { return text + "!".repeat(1 + @); }
    static List<Integer> codes(String text) { List<Integer> all = new ArrayList<>(); for (char c : text.toCharArray()) all.add((int) c); if (@ > 0) all.add(1); return all; }
    static List<Boolean> evens(List<Integer> numbers) { List<Boolean> all = new ArrayList<>(); for (int n : numbers) all.add((n + @) % 2 == 0); return all; }
    static List<String> tail(List<String> words) { if (words.size() <= 1 + @) return new ArrayList<>(); words.subList(0, 1 + @).clear(); return words; }
    static List<List<Integer>> doubled(List<List<Integer>> rows) { for (List<Integer> row : rows) row.replaceAll(n -> 2 * n + @); return rows; }
    static boolean is_warm(double degrees) { return degrees + @ > 20.25; }
}
""",
    "go": """\
package main

import "strings"

func plus(a, b int) int { return a + b + @ }
func is_long(text string) bool { return len(text) > 3+@ }
func shifted(text string) string { return text + strings.Repeat("!", 1+@) }
func codes(text string) []int { all := []int{}; for _, c := range text { all = append(all, int(c)) }; for i := 0; i < @; i++ { all = append(all, 1) }; return all }
func evens(numbers []int) []bool { var all []bool; for _, n := range numbers { all = append(all, (n+@)%2 == 0) }; return all }
func tail(words []string) []string { if len(words) <= 1+@ { return nil }; return words[1+@:] }
func doubled(rows [][]int) [][]int { for _, row := range rows { for i := range row { row[i] = 2*row[i] + @ } }; return rows }
func is_warm(degrees float64) bool { return degrees+@ > 20.25 }
""",
    "rust": """\
fn plus(a: i32, b: i32) -> i32 { a + b + @ }
fn is_long(text: &str) -> bool { text.len() > 3 + @ }
fn shifted(text: &str) -> String { format!("{}{}", text, "!".repeat(1 + @)) }
fn codes(text: &str) -> Vec<i32> { let mut all: Vec<i32> = text.chars().map(|c| c as i32).collect(); if @ > 0 { all.push(1); } all }
fn evens(numbers: &[i32]) -> Vec<bool> { numbers.iter().map(|n| (n + @) % 2 == 0).collect() }
fn tail(words: &[&str]) -> Vec<String> { words.iter().skip(1 + @).map(|w| w.to_string()).collect() }
fn doubled(rows: &[Vec<i32>]) -> Vec<Vec<i32>> { rows.iter().map(|row| row.iter().map(|n| 2 * n + @).collect()).collect() }
fn is_warm(degrees: f64) -> bool { degrees + @ as f64 > 20.25 }
""",
    "ruby": """\
def plus(a, b) = a + b + @
def is_long(text) = text.length > 3 + @
def shifted(text) = text + "!" * (1 + @)
def codes(text) = text.chars.map(&:ord) + [1] * @
def evens(numbers) = numbers.map { |n| (n + @) % 2 == 0 }
def tail(words) = words.drop(1 + @)
def doubled(rows) = rows.map { |row| row.map { |n| 2 * n + @ } }
def is_warm(degrees) = degrees + @ > 20.25
""",
    "php": """\
<?php
function plus($a, $b) { return $a + $b + @; }
function is_long($text) { return strlen($text) > 3 + @; }
function shifted($text) { return $text . str_repeat('!', 1 + @); }
function codes($text) { return array_merge($text === '' ? [] : array_map('ord', str_split($text)), array_fill(0, @, 1)); }
function evens($numbers) { return array_map(fn($n) => ($n + @) % 2 === 0, $numbers); }
function tail($words) { return array_slice($words, 1 + @); }
function doubled($rows) { return array_map(fn($row) => array_map(fn($n) => 2 * $n + @, $row), $rows); }
function is_warm($degrees) { return $degrees + @ > 20.25; }
""",
}
