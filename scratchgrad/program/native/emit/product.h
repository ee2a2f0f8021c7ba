/* c <- beta c + alpha a b of matrices whose sizes and strides are constants where it is called; c lies in rows. */

#define LINE (128 / (long)sizeof(R)) /* entries of a row that stay in registers */

/* m rows of at most LINE entries, in registers while the sum runs */
INLINE void product_block(long m, long n, long k, R alpha, const R *a, long am, long ak, const R *b, long bk, R beta,
                           R *c, long cm) {
    R s[8][LINE];
    for (long i = 0; i < m; i++)
        for (long j = 0; j < n; j++) s[i][j] = 0;
    for (long l = 0; l < k; l++)
#pragma GCC unroll 8
        for (long i = 0; i < m; i++)
#pragma GCC unroll 1
            for (long j = 0; j < n; j++) s[i][j] += a[i * am + l * ak] * b[l * bk + j];
    for (long i = 0; i < m; i++)
        for (long j = 0; j < n; j++)
            c[i * cm + j] = beta == 0 ? alpha * s[i][j] : beta * c[i * cm + j] + alpha * s[i][j];
}

INLINE void product_columns(long m, long n, long k, R alpha, const R *a, long am, long ak, const R *b, long bk, R beta,
                             R *c, long cm) {
    long rows = n <= 8 ? 8 : 4, whole = m / rows * rows;
    for (long i = 0; i < whole; i += rows) product_block(rows, n, k, alpha, a + i * am, am, ak, b, bk, beta, c + i * cm, cm);
    for (long i = whole; i < m; i++) product_block(1, n, k, alpha, a + i * am, am, ak, b, bk, beta, c + i * cm, cm);
}

INLINE void product_loops(long m, long n, long k, R alpha, const R *a, long am, long ak, const R *b, long bk, long bn,
                           R beta, R *c, long cm) {
    R turned[bn == 1 ? 1 : k * n]; /* b in rows */
    if (bn != 1) {
        for (long l = 0; l < k; l++)
            for (long j = 0; j < n; j++) turned[l * n + j] = b[l * bk + j * bn];
        b = turned;
        bk = n;
    }
    long whole = n / LINE * LINE;
    for (long j = 0; j < whole; j += LINE) product_columns(m, LINE, k, alpha, a, am, ak, b + j, bk, beta, c + j, cm);
    if (n % LINE) product_columns(m, n % LINE, k, alpha, a, am, ak, b + whole, bk, beta, c + whole, cm);
}

/* the same by BLAS; a and b lie in rows (ak, bn are 1) or in columns (am, bk are 1) */
INLINE void product_blas(long m, long n, long k, R alpha, const R *a, long am, long ak, const R *b, long bk, long bn,
                         R beta, R *c, long cm) {
    gemm(bn == 1 ? 'N' : 'T', ak == 1 ? 'N' : 'T', n, m, k, alpha, b, bn == 1 ? bk : bn, a, ak == 1 ? am : ak, beta, c, cm);
}
