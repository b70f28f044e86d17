// What nlohmann::json makes of each body: see t/36-parsers.t.

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include <nlohmann/json.hpp>

int main(int argc, char **argv)
{
    std::ifstream in(argv[1], std::ios::binary);
    std::string data((std::istreambuf_iterator<char>(in)),
                     std::istreambuf_iterator<char>());

    for (size_t at = 0; at < data.size(); ) {
        const unsigned char *p = (const unsigned char *) data.data() + at;
        size_t n = ((size_t) p[0] << 24) | (p[1] << 16) | (p[2] << 8) | p[3];
        std::string body = data.substr(at + 4, n);
        at += 4 + n;

        auto v = nlohmann::json::parse(body, nullptr, false);

        if (v.is_discarded()) {
            puts("-");
            continue;
        }

        if (!v.is_object() || !v.contains("model") || v["model"].is_null()) {
            puts("n");
            continue;
        }

        if (!v["model"].is_string()) {
            puts("o");
            continue;
        }

        putchar('s');

        for (unsigned char c : v["model"].get<std::string>()) {
            printf("%02x", c);
        }

        putchar('\n');
    }

    return argc > 2;
}
