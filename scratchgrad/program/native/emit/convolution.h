/* Convolutions as products.  An image's windows are written side by side, as columns, for a tile: a few samples, or a
   few lines of one, never the whole batch; then BLAS multiplies, or loops where `loops` says so, which take the
   tile as whole even where it hangs over the end: nobody reads what comes of that.  A border of zeros around the image makes every window
   a plain copy, so that no loop asks where the image ends.  All sizes are constants where these functions are called. */

struct conv {
    long n, groups, c, o;       /* samples; groups; channels of a group: of the image, of the result */
    long h, w, k, l, p, q;      /* image, filter, result */
    long sh, sw, ph, pw, dh, dw; /* stride, padding, dilation */
    long loops;
    long samples, lines;        /* of a tile: several samples, each with all lines, or some lines of one sample */
    long xn, xc, xh, xw;        /* strides of the image */
    long un, uc, uh, uw;        /* strides of the result */
    long framed, columns, rows, turned; /* where in the scratch: the image with its border, its columns, the result's
                                           rows, the filters' gradient with its axes exchanged */
};

INLINE long high(struct conv v) { return v.h + 2 * v.ph; }
INLINE long wide(struct conv v) { return v.w + 2 * v.pw; }

/* the image, within its border of zeros, which is there already */
INLINE void frame(struct conv v, R *to, const R *x) {
    for (long c = 0; c < v.c; c++)
        for (long i = 0; i < v.h; i++)
            for (long j = 0; j < v.w; j++)
                to[(c * high(v) + i + v.ph) * wide(v) + j + v.pw] = x[c * v.xc + i * v.xh + j * v.xw];
}

/* the windows of lines p0 to p1, side by side */
INLINE void unfold(struct conv v, R *columns, long width, const R *framed, long p0, long p1) {
    for (long c = 0; c < v.c; c++)
        for (long k = 0; k < v.k; k++)
            for (long l = 0; l < v.l; l++) {
                R *to = columns + ((c * v.k + k) * v.l + l) * width;
                const R *from = framed + (c * high(v) + k * v.dh) * wide(v) + l * v.dw;
                for (long p = p0; p < p1; p++)
                    if (v.sw == 1)
                        memcpy(to + (p - p0) * v.q, from + p * v.sh * wide(v), v.q * sizeof(R));
                    else
                        for (long q = 0; q < v.q; q++) to[(p - p0) * v.q + q] = from[p * v.sh * wide(v) + q * v.sw];
            }
}

/* every window added back to where it came from */
INLINE void fold(struct conv v, R *framed, const R *columns, long width, long p0, long p1) {
    for (long c = 0; c < v.c; c++)
        for (long k = 0; k < v.k; k++)
            for (long l = 0; l < v.l; l++) {
                const R *from = columns + ((c * v.k + k) * v.l + l) * width;
                R *to = framed + (c * high(v) + k * v.dh) * wide(v) + l * v.dw;
                for (long p = p0; p < p1; p++)
#pragma GCC ivdep
                    for (long q = 0; q < v.q; q++) to[p * v.sh * wide(v) + q * v.sw] += from[(p - p0) * v.q + q];
            }
}

/* a tile's width in columns, and whether the result's lines lie as the product writes and reads them */
INLINE long width(struct conv v) { return v.samples * v.lines * v.q; }
INLINE int direct(struct conv v) { return v.samples == 1 && v.uw == 1 && v.uh == v.q; }

/* the result of a group, of m samples from u on, in rows of channels; or the rows, with the bias, as the result */
INLINE void gather(struct conv v, R *rows, const R *u, long m, long p0, long p1) {
    for (long o = 0; o < v.o; o++)
        for (long n = 0; n < m; n++)
            for (long p = p0; p < p1; p++)
#pragma GCC ivdep
                for (long q = 0; q < v.q; q++)
                    rows[o * width(v) + (n * v.lines + p - p0) * v.q + q] = u[n * v.un + o * v.uc + p * v.uh + q * v.uw];
}
INLINE void scatter(struct conv v, R *u, const R *rows, const R *bias, long m, long p0, long p1) {
    for (long o = 0; o < v.o; o++) {
        R b = bias ? bias[o] : 0;
        for (long n = 0; n < m; n++)
            for (long p = p0; p < p1; p++)
#pragma GCC ivdep
                for (long q = 0; q < v.q; q++)
                    u[n * v.un + o * v.uc + p * v.uh + q * v.uw] = rows[o * width(v) + (n * v.lines + p - p0) * v.q + q] + b;
    }
}
INLINE void add_bias(struct conv v, R *u, const R *bias, long p0, long p1) {
    for (long o = 0; o < v.o; o++)
#pragma GCC ivdep
        for (long i = p0 * v.q; i < p1 * v.q; i++) u[o * v.uc + i] += bias[o];
}

/* the columns of m samples from x on: each is framed, then its windows are written beside those of the last */
INLINE void unfold_samples(struct conv v, R *scratch, const R *x, long m, long p0, long p1) {
    for (long n = 0; n < m; n++) {
        if (p0 == 0) frame(v, scratch + v.framed, x + n * v.xn);
        unfold(v, scratch + v.columns + n * v.p * v.q, width(v), scratch + v.framed, p0, p1);
    }
}

#define TILES                                                                                                        \
    for (long g = 0; g < v.groups; g++)                                                                              \
        for (long n = 0; n < v.n; n += v.samples)                                                                    \
            for (long p0 = 0; p0 < v.p; p0 += v.lines)
#define TILE                                                                                                         \
    long m = v.n - n < v.samples ? v.n - n : v.samples, p1 = p0 + v.lines < v.p ? p0 + v.lines : v.p;                \
    long held = v.samples == 1 ? (p1 - p0) * v.q : m * v.p * v.q;                                                    \
    long K = v.c * v.k * v.l, W = width(v);

/* u = the filters times the image's windows, plus the bias if there is one */
INLINE void convolve(struct conv v, R *u, const R *x, const R *filter, const R *bias, R *scratch) {
    memset(scratch + v.framed, 0, v.c * high(v) * wide(v) * sizeof(R));
    TILES {
        TILE const R *f = filter + g * v.o * K, *b = bias ? bias + g * v.o : 0;
        R *to = u + n * v.un + g * v.o * v.uc;
        unfold_samples(v, scratch, x + n * v.xn + g * v.c * v.xc, m, p0, p1);
        if (v.loops) {
            product_loops(v.o, W, K, 1, f, K, 1, scratch + v.columns, W, 1, 0, scratch + v.rows, W);
            scatter(v, to, scratch + v.rows, b, m, p0, p1);
        } else if (direct(v)) {
            gemm('N', 'N', held, v.o, K, 1, scratch + v.columns, W, f, K, 0, to + p0 * v.q, v.uc);
            if (b) add_bias(v, to, b, p0, p1);
        } else {
            gemm('N', 'N', held, v.o, K, 1, scratch + v.columns, W, f, K, 0, scratch + v.rows, W);
            scatter(v, to, scratch + v.rows, b, m, p0, p1);
        }
    }
}

/* the filters' gradient: gradients of the result times the image's windows, added up over the tiles */
INLINE void convolve_filter(struct conv v, R *filter, const R *x, const R *u, R *scratch) {
    memset(scratch + v.framed, 0, v.c * high(v) * wide(v) * sizeof(R));
    if (v.loops) { /* the transpose is added up: the filters' side is the short one */
        R *turned = scratch + v.turned;
        long K = v.c * v.k * v.l, W = width(v);
        for (long g = 0; g < v.groups; g++) {
            memset(turned, 0, K * v.o * sizeof(R));
            for (long n = 0; n < v.n; n += v.samples)
                for (long p0 = 0; p0 < v.p; p0 += v.lines) {
                    const R *from = u + n * v.un + g * v.o * v.uc;
                    unfold_samples(v, scratch, x + n * v.xn + g * v.c * v.xc, v.samples, p0, p0 + v.lines);
                    if (!direct(v)) gather(v, scratch + v.rows, from, v.samples, p0, p0 + v.lines);
                    product_loops(K, v.o, W, 1, scratch + v.columns, W, 1, direct(v) ? from + p0 * v.q : scratch + v.rows,
                                  1, direct(v) ? v.uc : W, 1, turned, v.o);
                }
            for (long o = 0; o < v.o; o++)
                for (long i = 0; i < K; i++) filter[(g * v.o + o) * K + i] = turned[i * v.o + o];
        }
        return;
    }
    if (!v.n) memset(filter, 0, v.groups * v.o * v.c * v.k * v.l * sizeof(R));
    TILES {
        TILE R *f = filter + g * v.o * K, beta = n || p0;
        const R *from = u + n * v.un + g * v.o * v.uc;
        unfold_samples(v, scratch, x + n * v.xn + g * v.c * v.xc, m, p0, p1);
        if (!direct(v)) gather(v, scratch + v.rows, from, m, p0, p1);
        gemm('T', 'N', K, v.o, held, 1, scratch + v.columns, W, direct(v) ? from + p0 * v.q : scratch + v.rows,
             direct(v) ? v.uc : W, beta, f, K);
    }
}

/* the image's gradient (x is written, u read), which is also a transposed convolution, then perhaps with a bias */
INLINE void convolve_image(struct conv v, R *x, const R *u, const R *filter, const R *bias, R *scratch) {
    R *framed = scratch + v.framed;
    TILES {
        TILE const R *f = filter + g * v.o * K, *from = u + n * v.un + g * v.o * v.uc;
        int there = direct(v) && !(v.loops && v.p % v.lines); /* and no line of it lies beyond the end */
        if (!there) gather(v, scratch + v.rows, from, m, p0, p1);
        if (v.loops)
            product_loops(K, W, v.o, 1, f, 1, K, there ? from + p0 * v.q : scratch + v.rows, there ? v.uc : W, 1, 0,
                          scratch + v.columns, W);
        else
            gemm('N', 'T', held, K, v.o, 1, direct(v) ? from + p0 * v.q : scratch + v.rows, direct(v) ? v.uc : W, f, K, 0,
             scratch + v.columns, W);
        for (long s = 0; s < m; s++) {
            if (p0 == 0) memset(framed, 0, v.c * high(v) * wide(v) * sizeof(R));
            fold(v, framed, scratch + v.columns + s * v.p * v.q, W, p0, p1);
            if (p1 < v.p) continue;
            R *to = x + (n + s) * v.xn + g * v.c * v.xc;
            for (long c = 0; c < v.c; c++)
                for (long i = 0; i < v.h; i++)
#pragma GCC ivdep
                    for (long j = 0; j < v.w; j++)
                        to[c * v.xc + i * v.xh + j * v.xw] =
                            framed[(c * high(v) + i + v.ph) * wide(v) + j + v.pw] + (bias ? bias[g * v.c + c] : 0);
        }
    }
}
