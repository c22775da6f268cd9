/* test_graph.c - confs as text, Graphviz and Mermaid. */
#include "promised_confs.h"

static const char *graph(enum weir_graph_form form)
{
    size_t n = 0;
    free(said);
    FILE *out = open_memstream(&said, &n);
    assert_non_null(out);
    weir_graph(&conf, form, out);
    fclose(out);
    return said;
}

static void graphs(void **state)
{
    (void)state;
    take_orders(&publishing);
    pipeline("led\"g<er\\");
    stage("calls", &serving);
    stage("ledger", &ledger);
    assert_string_equal(graph(WEIR_GRAPH_TEXT), "orders: web ▸ ask ▸ publish\n"
                                                "led\"g<er\\: calls ▸ ledger\n"
                                                "\n"
                                                "http:0.0.0.0:80 → orders/web\n"
                                                "orders/ask ⇢ call:ledger ⇢ led\"g<er\\/calls\n"
                                                "orders/publish → log:orders\n"
                                                "led\"g<er\\/ledger → ledger:main\n");
    assert_string_equal(graph(WEIR_GRAPH_MERMAID), "graph LR\n"
                                                   "  subgraph p0[\"orders\"]\n"
                                                   "    direction LR\n"
                                                   "    p0s0[\"web\"]\n"
                                                   "    p0s1[\"ask\"]\n"
                                                   "    p0s0 --> p0s1\n"
                                                   "    p0s2[\"publish\"]\n"
                                                   "    p0s1 -.-> p0s2\n"
                                                   "  end\n"
                                                   "  subgraph p1[\"led#34;g#60;er#92;\"]\n"
                                                   "    direction LR\n"
                                                   "    p1s0[\"calls\"]\n"
                                                   "    p1s1[\"ledger\"]\n"
                                                   "    p1s0 --> p1s1\n"
                                                   "  end\n"
                                                   "  x0([\"http:0.0.0.0:80\"])\n"
                                                   "  x1([\"call:ledger\"])\n"
                                                   "  x2([\"log:orders\"])\n"
                                                   "  x3([\"ledger:main\"])\n"
                                                   "  x0 --> p0s0\n"
                                                   "  p0s1 -. call .-> x1\n"
                                                   "  p0s2 --> x2\n"
                                                   "  x1 -. call .-> p1s0\n"
                                                   "  p1s1 --> x3\n");
    graph(WEIR_GRAPH_DOT);
    has_line(said, "digraph weir {\n");
    has_line(said, "label=\"led\\\"g<er\\\\\";\n");
    has_line(said, "p0s1 -> p0s2 [style=dashed];\n");
    has_line(said, "p0s1 -> x1 [style=dotted];\n");
    has_line(said, "x1 -> p1s0 [style=dotted];\n");
}

static void graphs_of_branches(void **state)
{
    (void)state;
    pipeline("orders");
    stage("web", &web);
    stage("ask", &asking);
    stage("a", &durable);
    branch("le\"ft", 1);
    stage("b", &loose);
    branch("right", 1);
    stage("c", &durable);
    assert_string_equal(graph(WEIR_GRAPH_MERMAID), "graph LR\n"
                                                   "  subgraph p0[\"orders\"]\n"
                                                   "    direction LR\n"
                                                   "    p0s0[\"web\"]\n"
                                                   "    p0s1[\"ask\"]\n"
                                                   "    p0s0 --> p0s1\n"
                                                   "    p0s2[\"a\"]\n"
                                                   "    p0s1 -.->|\"le#34;ft\"| p0s2\n"
                                                   "    p0s3[\"b\"]\n"
                                                   "    p0s1 -.->|\"right\"| p0s3\n"
                                                   "    p0s4[\"c\"]\n"
                                                   "    p0s3 -.-> p0s4\n"
                                                   "  end\n"
                                                   "  x0([\"http:0.0.0.0:80\"])\n"
                                                   "  x1([\"call:ledger\"])\n"
                                                   "  x2([\"table:x\"])\n"
                                                   "  x0 --> p0s0\n"
                                                   "  p0s1 -. call .-> x1\n"
                                                   "  p0s2 --> x2\n"
                                                   "  p0s4 --> x2\n");
    graph(WEIR_GRAPH_DOT);
    has_line(said, "p0s1 -> p0s2 [label=\"le\\\"ft\", style=dashed];\n");
    graph(WEIR_GRAPH_TEXT);
    has_line(said, "orders: web ▸ ask ▸ { le\"ft: a | right: b ▸ c }\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(graphs),
        TEST(graphs_of_branches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
