/** Patterns that show each corner of the syntax, sound and broken; the real library says which. */
const LISTED = String.raw`a{,3} {,3} ^* $* \b* \A* \K* \G+ \z? (?i)* (?i:)* (*COMMIT)* (*ACCEPT)* (?=a)* (?<=a)+ (?!a)? \Qab\E* \E* \Q\E* (?#x)* a(?#x)*
[a-\d] [\d-z] [[:digit:]-z] [a-[:digit:]] [[:foo:]] [[.a.]] [[=a=]] [z-a] [] []] [^]] [a a) ) (a (?z) (?< (?<a (?<a>) (?<1a>x)
(?<a>x)(?<a>y) (?|(?<a>x)|(?<a>y)) (?J)(?<a>x)(?<a>y) \1 (a)\2 (?2) (?1)(a) (?&x) (?P>x) (?P=x) \k<x> \g{1} \g1 \g{-1} (a)\g{-1}
\g{+1}(a) (?(1)a) (a)(?(1)a|b|c) (?(DEFINE)a|b) (?(DEFINE)(?<n>a))(?&n) (?(R)a) (?(R1)a)(b) (?(x)a) (?(<x>)a)(?<x>b) (?(?=a)b)
(?(?<=a)b) (?(a) (?(VERSION>=10)a) (?<=a*) (?<=a{1,3}) (?<=ab|c) (?<=(a|bc)d) (?<=\R) (?<=\X) (a)(?<=\1) (?<=a{300}) (?<=a{1,300}) \x
\x{ \x{g} \x{100} \xg \x{ff} \o{1} \o{ \o{400} \400 \c \c\\ \ca \i \y \L \l \u \U \N{U+41} \N \N{a} [\N] [\B] [\R] [\X] [\b] [\A] [\g] [\k]
[\E] [\Qa\E] [\Q]\E] \p{L} \p{Foo} \pL \p \pZ \p{Greek} \p{^L} \p{Script=Greek} \P{Lu} \p{L&} \p{Any} \p{Xan} \p{Han} \p{old_italic} \C a** a+++
a?? a?+ a??+ a{65536} a{3,1} a{65535} (?:a){1000} (?:abcdef){65535} a{2}{3} (?^) (?^i) (?^-i) (?i-) (?i-s) (?i (?-i:a) (?x) (?xx)
(?x)[a#](?#b)c#)( (?xx)[a\ ] (?n)(a)\1 (?aD) (?aT) (?r) (?U) a(*UTF) (*FOO) (*MARK) (*MARK:a) (*:a) (*: (*F) (*FAIL) (*pla:a)
(*positive_lookahead:a) (*constructor:a) (*atomic:a) (*sr:a) (*LIMIT_MATCH=1)a (*NO_JIT)a (*NUL)a (?P<a>x) (?Pa) (?'a'x) (?'a (?>a) (?*a)
(?<*a) (?+1)(a) (?-1) (a)(?-1) (?R) (?0) \g<1>(a) \g'1'(a) \g<a> \0 \00 \000 \8 \9 \81 (a)\11 \18 \377 [\377] [\400] [\1] [\8] \Q \Qa a|* |*
(|*) (* (?:*) {2} x{2 x{2, x{a} x{2,a} [[:alpha:] [[:^alpha:]] [:alpha:] [.a.] [a-] [-a] [a-b-c] [--a] [+--] [\w-] [\w-a] [a-\x{100}]
[^\x{100}] (?[a]) (?i)a (?(R&a)b)(?<a>c) (?(+1)a)(b) (?(-1)a) (a)(?(-1)b) (?(0)a) (?P (?P> (?& \g \g{ \g{} \g{a \k \k{ \k{a} (?<a>b)\k{a}
\ka [\c] [\x] [\p{L}] [\pL-z] [a-\pL] [\h-a] (?# a(?#b [[:<:]]a[[:>:]] (?|(a)|(b)(c))\2 (?<n>a)(?'n'b) é [é-à] \é ()()()()()()()()()()\10`
export const PATTERNS: readonly string[] = [
  '',
  '\\',
  ' ',
  ...LISTED.split(/[ \n]/),
  `${'('.repeat(250)}${')'.repeat(250)}`,
  `${'('.repeat(251)}${')'.repeat(251)}`,
]

/** Where brokenRegex() refuses on purpose what the library takes: rules have no use for it. */
export const REFUSED_ON_PURPOSE = ['(?<=(?1))(a)', '(*UTF)a', '(*UCP)a', '(?C)', '(?C1)', "(?C'a')"] as const

/** Pieces that mutations are made of. */
export const PIECES: readonly string[] =
  String.raw`( ) [ ] { } | * + ? \ ^ $ . - (? (?: (?i) (?<= (?! (?<n> \1 \2 {2} {1,3} {,2} x \d \b [^ [:alpha:] [[:digit:]] \x \x4 \Q \E # (?x)
: = ! < > ' 0 9 , & R P \g{1} \k<n> (* \p{L} (?| (?(1) \10 (?# (?1) \R \K é (?= (?> ++ \h \N \o{7} (?^ (?J) (?P=n) (?&n) \c`
    .split(/[ \n]/)
    .concat(' ', '\n')
