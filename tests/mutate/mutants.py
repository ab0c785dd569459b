# SPDX-License-Identifier: MIT
"""The mutants of one C file: small changes of its meaning, found in clang's syntax tree.

Only code in the bodies of the file's own functions is changed. What a macro expands to, tables with
static storage, case labels and sizes stay as they are.
"""
import json
import re
import subprocess

COMPARE = {"<": ("<=", ">="), "<=": ("<", ">"), ">": (">=", "<="), ">=": (">", "<"), "==": ("!=",), "!=": ("==",)}
LOGIC = {"&&": ("||",), "||": ("&&",)}
ARITHMETIC = {"+": ("-",), "-": ("+",), "*": ("/",), "/": ("*",), "%": ("/",), "&": ("|",), "|": ("&",),
              "^": ("|",), "<<": (">>",), ">>": ("<<",)}
COMPOUND = {op + "=": tuple(o + "=" for o in to) for op, to in ARITHMETIC.items()}
CASTS = ("ImplicitCastExpr", "ParenExpr")
# Not evaluated, or constant for the compiler.
OPAQUE = ("ConstantExpr", "UnaryExprOrTypeTraitExpr", "OffsetOfExpr", "StaticAssertDecl", "GCCAsmStmt",
          "GenericSelectionExpr", "RecordDecl", "EnumDecl", "TypedefDecl")
# More memory than is needed, and what glibc does nothing in: no test can see the difference.
UNSEEN = ("calloc", "xcalloc", "pthread_mutex_init", "pthread_mutex_destroy", "pthread_cond_destroy",
          "pthread_condattr_init", "pthread_condattr_destroy")
# How a mutant is put into the program: see schema.py.
TRUTH, VALUE, STATEMENT = range(3)


class Mutant:
    """Text from `begin` to `end` (offsets in bytes) becomes `new`."""

    def __init__(self, form, begin, end, new, old):
        self.form, self.begin, self.end, self.new = form, begin, end, new
        self.change = "%s => %s" % (flat(old), flat(new) or "nothing")
        self.file = self.function = self.line = self.text = self.key = None


def flat(text):
    return " ".join(text.split())


class File:
    """Reads the tree; `mutants` has what was found, in the order of the text."""

    def __init__(self, path, flags):
        self.path = path
        with open(path, encoding="latin-1", newline="") as f:
            self.src = f.read()
        out = subprocess.run(["clang", "-fsyntax-only", "-w", *flags, "-Xclang", "-ast-dump=json", path],
                             check=True, stdout=subprocess.PIPE).stdout
        self.found, self.seen, self.now, self.zeroes = [], set(), None, set()
        for node in json.loads(out)["inner"]:
            self.locate(node)
            body = [c for c in node.get("inner", []) if c.get("kind") == "CompoundStmt"]
            if node["kind"] == "FunctionDecl" and node["mine"] and body:
                self.function = node["name"]
                self.body = body[0]
                self.statements(body[0])
        self.found.sort(key=lambda m: (m.begin, -m.end, m.form, m.new))
        self.mutants = self.found
        self.name_them()

    def locate(self, node):
        """The tree names a file only where it differs from the one named before."""
        file_of_loc = None
        for key in ("loc", "range"):
            for place in self.places(node.get(key) or {}):
                self.now = place.get("file", self.now)
            file_of_loc = file_of_loc or self.now
        node["mine"] = file_of_loc == self.path
        if node.get("kind") == "EnumDecl":
            self.find_zeroes(node)
        for child in node.get("inner", []):
            self.locate(child)

    def find_zeroes(self, enum):
        """The enumerators that are 0."""
        value = -1
        for constant in (c for c in enum.get("inner", []) if c["kind"] == "EnumConstantDecl"):
            given = [c["value"] for c in constant.get("inner", []) if "value" in c]
            value = int(given[0]) if given else value + 1
            if value == 0:
                self.zeroes.add(constant["name"])

    def places(self, at):
        for value in (at, *at.values()):
            if isinstance(value, dict):
                yield value
                if value is not at:
                    yield from (v for v in value.values() if isinstance(v, dict))

    def name_them(self):
        """A name that stays the same when lines move: function, text of the line, change, which of several."""
        times = {}
        for m in self.mutants:
            start = self.src.rfind("\n", 0, m.begin) + 1
            stop = self.src.find("\n", m.begin)
            m.file, m.line, m.text = self.path, self.src.count("\n", 0, m.begin) + 1, flat(self.src[start:stop])
            name = " :: ".join((m.file, m.function, m.text, m.change))
            times[name] = times.get(name, 0) + 1
            m.key = name if times[name] == 1 else "%s #%d" % (name, times[name])

    # ---- where a node is in the text ------------------------------------------------------------
    def span(self, node):
        """(begin, end) of a node in the text; None for what a macro expands to."""
        where = node.get("range") or {}
        begin, end = where.get("begin") or {}, where.get("end") or {}
        if "expansionLoc" in begin and "expansionLoc" in end and \
           begin["expansionLoc"]["offset"] == end["expansionLoc"]["offset"]:
            return None
        if not begin or not end:
            return None
        start = begin.get("expansionLoc", begin)["offset"]
        last = end.get("expansionLoc", end)
        stop = last["offset"] + last["tokLen"]
        if "expansionLoc" in end and self.src[stop:stop + 1] == "(":
            stop = self.closing(stop)
        return start, stop

    def whole(self, node):
        """As span(), with a macro that is the whole node counting as text."""
        span = self.span(node)
        at = ((node.get("range") or {}).get("begin") or {}).get("expansionLoc")
        if span is None and at is not None:
            stop = at["offset"] + at["tokLen"]
            span = at["offset"], self.closing(stop) if self.src[stop:stop + 1] == "(" else stop
        return span

    def closing(self, at):
        depth = 0
        for token in re.finditer(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])+\'|[()]', self.src[at:]):
            depth += {"(": 1, ")": -1}.get(token.group(), 0)
            if depth == 0:
                return at + token.end()
        raise ValueError("%s: unclosed parenthesis" % self.path)

    def add(self, form, begin, end, new, old=None):
        m = Mutant(form, begin, end, new, self.src[begin:end] if old is None else old)
        if (form, begin, end, m.new) not in self.seen:
            self.seen.add((form, begin, end, m.new))
            m.function = self.function
            self.found.append(m)

    # ---- statements -------------------------------------------------------------------------------
    def statements(self, node, of_switch=False):
        """A compound statement, or the one statement that stands in its place."""
        inside = node.get("inner", []) if node["kind"] == "CompoundStmt" else [node]
        for i, child in enumerate(inside):
            last = i == len(inside) - 1
            end_of_function = node is self.body and last
            self.statement(child, removable=not end_of_function and not (of_switch and last))

    def statement(self, node, removable=True):
        kind, inner = node.get("kind"), node.get("inner", [])
        if kind is None or kind in OPAQUE:
            return
        if kind == "CompoundStmt":
            self.statements(node)
        elif kind == "IfStmt":
            self.condition(inner[0])
            for child in inner[1:]:
                self.statements(child)
        elif kind == "WhileStmt":
            self.condition(inner[0])
            self.statements(inner[1])
        elif kind == "DoStmt":
            self.statements(inner[0])
            self.condition(inner[1])
        elif kind == "ForStmt":
            if inner[0].get("kind") == "DeclStmt":
                self.statement(inner[0])
            else:
                self.value(inner[0])
            if inner[2].get("kind"):
                self.condition(inner[2])
            self.value(inner[3])
            self.statements(inner[4])
        elif kind == "SwitchStmt":
            self.value(inner[0])
            self.statements(inner[1], of_switch=True)
        elif kind in ("CaseStmt", "DefaultStmt", "LabelStmt"):
            for child in inner[-1:]:
                self.statement(child, removable)
        elif kind == "DeclStmt":
            for decl in inner:
                if decl["kind"] == "VarDecl" and decl.get("storageClass") != "static":
                    for child in decl.get("inner", []):
                        self.value(child)
        elif kind == "ReturnStmt":
            self.leave(node, removable)
        elif kind in ("BreakStmt", "ContinueStmt", "GotoStmt"):
            if removable:
                self.remove(node)
        else:
            bare = self.bare(node)
            if bare["kind"] == "CallExpr" and self.callee(bare) in UNSEEN:
                return
            if bare["kind"] in ("CallExpr", "AtomicExpr", "CompoundAssignOperator") or \
               (bare["kind"] == "BinaryOperator" and bare["opcode"] == "=") or \
               (bare["kind"] == "UnaryOperator" and bare["opcode"] in ("++", "--")):
                self.remove(node)
            self.value(node)

    def callee(self, call):
        return self.bare(call["inner"][0]).get("referencedDecl", {}).get("name")

    def with_semicolon(self, node):
        span = self.span(node) or (self.whole(node) if node["kind"].endswith("Stmt") else None)
        after = re.compile(r"\s*;").match(self.src, span[1]) if span else None
        return (span[0], after.end()) if after else None

    def remove(self, node):
        span = self.with_semicolon(node)
        if span:
            self.add(STATEMENT, *span, "")

    def leave(self, node, removable):
        """return: not at all, or with another value."""
        span = self.with_semicolon(node)
        if span is None:
            return
        if removable:
            self.add(STATEMENT, *span, "")
        for value in node.get("inner", []):
            text = self.src[span[0] + len("return"):span[1] - 1].strip()
            for new in self.other_values(value, text):
                self.add(STATEMENT, *span, "return %s;" % new)
            if self.bare(value)["kind"] != "IntegerLiteral":
                self.value(value)

    def other_values(self, value, text):
        kind = value.get("type", {})
        kind = kind.get("desugaredQualType", kind.get("qualType", ""))
        bare = self.bare(value)
        if kind.endswith("*"):
            return () if text == "NULL" else ("(void *)0",)
        if kind.startswith(("struct ", "union ")) or kind == "void":
            return ()
        if kind in ("bool", "_Bool"):
            decided = bare["kind"] == "BinaryOperator" and bare["opcode"] in {**COMPARE, **LOGIC}
            negated = bare["kind"] == "UnaryOperator" and bare["opcode"] == "!"
            return () if decided or negated else ("!(%s)" % text,)
        if bare.get("value") == "0" or bare.get("referencedDecl", {}).get("name") in self.zeroes:
            return ("-1" if kind == "int" else "1",)
        return ("0",)

    # ---- expressions --------------------------------------------------------------------------------
    def bare(self, node):
        while node["kind"] in CASTS or (node["kind"] == "CStyleCastExpr" and node.get("castKind") == "ToVoid"):
            node = node["inner"][0]
        return node

    def condition(self, node):
        """What is only true or false: also negated, unless an operator inside says the same."""
        bare = self.bare(node)
        op = bare.get("opcode")
        if bare["kind"] == "IntegerLiteral" and self.span(bare) is None:
            return  # true, false
        if not (bare["kind"] == "BinaryOperator" and (op in COMPARE or op in LOGIC)) and \
           not (bare["kind"] == "UnaryOperator" and op == "!"):
            span = self.whole(bare)
            if span:
                self.add(TRUTH, *span, "!(%s)" % self.src[slice(*span)])
        self.value(node)

    def value(self, node, ignored=False):
        kind = node.get("kind")
        if kind is None or kind in OPAQUE:
            return
        span = self.span(node)
        if kind == "IntegerLiteral" or kind == "FloatingLiteral":
            self.constant(node, kind)
            return
        if kind == "ImplicitCastExpr" and node.get("castKind") == "NullToPointer":
            return
        if kind == "InitListExpr" and span and flat(self.src[slice(*span)]) in ("{0}", "{ 0 }"):
            return
        if span is None and node.get("range", {}).get("begin"):
            return
        if kind == "CallExpr" and self.callee(node) in UNSEEN:
            return
        inner = [c for c in node.get("inner", []) if c.get("kind")]
        if span and kind in ("BinaryOperator", "CompoundAssignOperator"):
            self.binary(node, span, *inner)
        elif span and kind == "UnaryOperator":
            self.unary(node, span, ignored)
        if kind == "BinaryOperator" and node["opcode"] in LOGIC:
            for child in inner:
                self.condition(child)
        elif kind == "ConditionalOperator":
            self.condition(inner[0])
            for child in inner[1:]:
                self.value(child)
        elif kind == "StmtExpr":
            self.statements(inner[0])
        else:
            for child in inner:
                self.value(child, ignored=node.get("castKind") == "ToVoid")

    def constant(self, node, kind):
        where = (node.get("range") or {}).get("begin") or {}
        if "offset" not in where:
            return
        begin, end = where["offset"], where["offset"] + where["tokLen"]
        text = self.src[begin:end]
        if kind == "FloatingLiteral":
            self.add(VALUE, begin, end, "%s + 1" % text)
            return
        digits = re.match(r"0[xX][0-9a-fA-F]+|[0-9]+", text)
        if digits is None:
            return
        number = int(digits.group(), 8 if re.match(r"0[0-7]+$", digits.group()) else 0)
        form = "0x%x%s" if text[:2].lower() == "0x" else "%d%s"
        for new in (number + 1, number - 1):
            if new >= 0:
                self.add(VALUE, begin, end, form % (new, text[digits.end():]))

    def binary(self, node, span, left, right):
        op = node["opcode"]
        table = {**COMPARE, **LOGIC, **ARITHMETIC, **COMPOUND}
        a, b = self.whole(left), self.whole(right)
        if op not in table or a is None or b is None or self.src[a[1]:b[0]].strip() != op:
            return
        kinds = [side.get("type", {}).get("qualType", "") for side in (left, right)]
        pointers = sum(k.endswith(("*", "]")) for k in kinds)
        if pointers == 2 and op == "-":
            return
        for new in table[op]:
            if any("double" in k for k in kinds) and new in ("%", "|", "&", "<<", ">>"):
                continue
            self.add(VALUE, *span, "%s %s %s" % (self.src[slice(*a)], new, self.src[slice(*b)]))

    def unary(self, node, span, ignored):
        op, text = node["opcode"], self.src[slice(*span)]
        if op in ("++", "--"):
            new = {"++": "--", "--": "++"}[op]
            if node.get("isPostfix") and text.endswith(op):
                self.add(VALUE, *span, text[:-2] + new)
            elif text.startswith(op):
                self.add(VALUE, *span, new + text[2:])
        elif op == "!" and text.startswith("!") and not ignored:
            self.add(VALUE, *span, "!!" + text[1:])
        elif op == "~" and text.startswith("~"):
            self.add(VALUE, *span, text[1:])
        elif op == "-" and text.startswith("-") and self.bare(node["inner"][0])["kind"] not in \
                ("IntegerLiteral", "FloatingLiteral"):
            self.add(VALUE, *span, text[1:])
