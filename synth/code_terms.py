"""Words and shapes by which a request for code shows, in English and Chinese: `signs_of_code`, `asks_for_code`.

*Plain* signs are about programs wherever they stand (`sql`, `javascript`, `链表`, a fence, `f(x):`); *hints* have other
meanings too (`python`, `function`, `string`, `函数`) and count only together. Not covered: requests that name neither,
such as "make it faster".
"""

from __future__ import annotations

import re
from typing import NamedTuple

from synth.words import has_code

PLAIN = re.compile(
    r"(?<![a-z0-9])(?:sql|mysql|postgres\w*|sqlite|mongodb|redis|graphql|javascript|typescript|js|node\.?js|html|"
    r"css|xml|json|yaml|csv|regex|regexp|php|golang|kotlin|haskell|matlab|fortran|cobol|verilog|vhdl|vba|bash|"
    r"powershell|perl|lua|scala|dart|flutter|django|flask|fastapi|laravel|numpy|pandas|pytorch|tensorflow|"
    r"scikit-learn|sklearn|matplotlib|opencv|jquery|angular|vue\d?|svelte|next\.?js|react\w+|docker\w*|kubernetes|"
    r"k8s|nginx|linux|ubuntu|git|github|cron|makefile|cmake|npm|pip|webpack|pytest|junit|api|apis|sdk|http|cors|"
    r"websocket|backend|frontend|back-end|front-end|programming|programmer|coding|codebase|pseudocode|source code|"
    r"compiler|compile[sd]?|debug\w*|refactor\w*|unit tests?|linked lists?|binary (?:search )?trees?|hash ?(?:map|"
    r"table)s?|stack trace|\w+exception|\w+error|segfault|segmentation fault|recursive function|"
    r"dynamic programming|time complexity|big o|async|await|thread-safe|mutex|subarray|substring|palindrome|"
    r"anagrams?|fibonacci|leetcode|machine learning|neural network|dataframe|web ?scraper|scrap(?:e|ing)|"
    r"chat ?bot|command[- ]line|one-liner|stdin|stdout|localhost|excel macro|apps script|boolean|"
    r"dictionar(?:y|ies)|lambda|iterator|struct|enum|subclass\w*|constructor|getter|setter|"
    r"awk|sed|grep|ssh|div|dom|csharp|arduino|unity|spring boot|assembly|oop|crud|orm|c\+\+|c#|f#|\.net|"
    r"[a-z]+\.(?:py|js|java|cpp|ts|go|rs|sh|html|css|sql))(?![a-z0-9+#])|代码|编程|程序|脚本|算法|数组|链表|递归|二叉树|哈希|数据库|正则|爬虫|"
    r"变量|线程|进程|报错|编译|接口|前端|后端|遍历|排序|字符串|单元测试|装饰器|闭包|虚函数|指针|多态|继承|并发|死循环|动态规划|时间复杂度|表结构|建表|神经网络|跨域|容器|命令行|源码|调试|"
    r"缓存|宏"
)
HINT = re.compile(
    r"(?<![a-z0-9])(?:python|java|rust|go|ruby|swift|react|node|c|r|code|codes|function|functions|class|classes|"
    r"method|methods|script|scripts|program|programs|algorithm|algorithms|array|arrays|string|strings|list|lists|"
    r"tuples?|loops?|integers?|pointers?|decorators?|"
    r"variables?|objects?|query|queries|tables?|database|server|client|data structure|queue|stack|"
    r"heap|tree|graph|node|recursion|recursive|sort|sorted|implement|bug|test|input|output|return|returns|print|"
    r"import|module|library|package|deploy|install|app|website|web page|page|button|form|file|folder|parse|"
    r"terminal|shell|macro|matrix|permutations?|prime|factorial|bits|cache|component|screen|game|classifier|"
    r"regression|schema|memory leak|thread|process|excel|simulate|validate|optimi[sz]e|merge|reverse|"
    r"convert)(?![a-z0-9])|函数|方法|列表|文件|网页|表格|输出|输入|类|对象|实现|编写|配置|查询|测试|模块|软件|系统|循环|图片|批量|质数|阶乘|优化|注释|库"
)
SHAPE = re.compile(
    r"```|\b[a-z]{1,30}_[a-z]|\b[a-z]{1,30}[A-Z][a-z]|\w\([^()\n]{0,60}\)|[=!]==?|[;{}]\s*$|</?[a-z][^<>\n]{0,40}>|"
    r"\w\[\d*\]|-> |=>|@\w+|--\w+|\$\w+|\w+::\w+",
    re.M,
)
MAX_CHARS = 4000
"""Where the looking stops; what a request is about shows early."""


class Signs(NamedTuple):
    """How many different ones there are of each."""

    plain: int
    hints: int
    shapes: int


def signs_of_code(text: str) -> Signs:
    """What in `text` points to a program."""
    text = text[:MAX_CHARS]
    lower = text.lower()
    return Signs(len(set(PLAIN.findall(lower))), len(set(HINT.findall(lower))), len(set(SHAPE.findall(text))))


def asks_for_code(text: str) -> bool:
    """Whether a request is about a program: its writing, its working, its faults."""
    signs = signs_of_code(text)
    return signs.plain > 0 or signs.hints >= 2 or has_code(text[:MAX_CHARS])
