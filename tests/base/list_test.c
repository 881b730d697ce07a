/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/base/list.h"

#include <criterion/criterion.h>

Test(list, keeps_the_order_of_arrival)
{
    struct zu_list head, node[3];

    zu_list_init(&head);
    for (int i = 0; i < 3; i++)
        zu_list_append(&head, &node[i]);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(zu_list_pop(&head), &node[i]);
    cr_assert_null(zu_list_pop(&head));
    cr_assert(zu_list_empty(&head));
}

Test(list, lets_a_node_go_twice)
{
    struct zu_list head, a, b;

    zu_list_init(&head);
    zu_list_append(&head, &a);
    zu_list_append(&head, &b);
    zu_list_remove(&a);
    cr_assert(zu_list_empty(&a));
    zu_list_remove(&a);
    cr_assert_eq(zu_list_pop(&head), &b);
    cr_assert(zu_list_empty(&b));
}

Test(list, may_lose_each_node_while_it_is_walked)
{
    struct zu_list head, node[5];
    int seen = 0;

    zu_list_init(&head);
    for (int i = 0; i < 5; i++)
        zu_list_append(&head, &node[i]);
    zu_list_each(it, &head)
    {
        cr_assert_eq(it, &node[seen]);
        seen++;
        zu_list_remove(it);
    }
    cr_assert_eq(seen, 5);
    cr_assert(zu_list_empty(&head));
}
