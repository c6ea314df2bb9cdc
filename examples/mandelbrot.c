/* The Mandelbrot set in letters. `mandelbrot [COLUMNS [ITERATIONS]]`
 *
 * Built with: python -m ziglang cc -target wasm32-wasi -O2 -s mandelbrot.c -o mandelbrot.wasm
 */
#include <stdio.h>
#include <stdlib.h>

static const char shades[] = " .:-=+*#%@";

static int escape(double cx, double cy, int limit) {
  double x = 0, y = 0;
  int n = 0;
  while (n < limit && x * x + y * y <= 4) {
    double next = x * x - y * y + cx;
    y = 2 * x * y + cy;
    x = next;
    n++;
  }
  return n;
}

int main(int argc, char **argv) {
  int columns = argc > 1 ? atoi(argv[1]) : 64;
  int limit = argc > 2 ? atoi(argv[2]) : 100000;
  int rows = columns * 3 / 8;
  int grades = sizeof shades - 2;
  for (int row = 0; row < rows; row++) {
    for (int column = 0; column < columns; column++) {
      double cx = -2.2 + 3.2 * column / columns;
      double cy = -1.2 + 2.4 * row / (rows - 1);
      int n = escape(cx, cy, limit);
      putchar(n == limit ? shades[grades] : shades[n < 3 * grades ? n / 3 : grades - 1]);
    }
    putchar('\n');
  }
  return 0;
}
